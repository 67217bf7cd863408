// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzReader wants a file that was damaged, or is none of ours, to give all its records or an error.
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
		for read := range uint64(100) {
			_, err := reader.Next()
			if errors.Is(err, io.EOF) && read != reader.Count() {
				t.Errorf("%d of %d records", read, reader.Count())
			}
			if err != nil {
				break
			}
		}
		_ = reader.Seek(1) // in a damaged file there may be no such record
	})
}
