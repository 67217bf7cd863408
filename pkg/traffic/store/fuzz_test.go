// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzReader wants a file that was damaged, or is none of ours, to give records or an error.
func FuzzReader(f *testing.F) {
	var file bytes.Buffer
	writer := NewWriter(&file)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 3 {
		record := order(random, i)
		record.Request.Body, record.Response.Body = []byte("short"), nil
		require.NoError(f, writer.Write(record))
	}
	require.NoError(f, writer.Close())
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		reader, err := newReader("fuzz", bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		defer reader.Close()
		for range 100 {
			if _, err := reader.Next(); err != nil {
				break
			}
		}
		_ = reader.Seek(1) // in a damaged file there may be no such record
	})
}
