// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// A damaged file takes no memory for what it only says.
func TestFooterIsWithinTheFile(t *testing.T) {
	var file bytes.Buffer
	writer := NewWriter(&file)
	require.NoError(t, writer.Write(order(rand.New(rand.NewPCG(1, 2)), 0)))
	require.NoError(t, writer.Close())
	whole := file.Bytes()
	reader, err := newReader("whole", bytes.NewReader(whole), int64(len(whole)))
	require.NoError(t, err)
	require.NoError(t, reader.Close())

	huge := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(huge[len(huge)-8:], math.MaxUint32)
	_, err = newReader("huge", bytes.NewReader(huge), int64(len(huge)))
	require.ErrorContains(t, err, "says that its footer has 4294967295")

	_, err = newReader("short", bytes.NewReader(whole[:11]), 11)
	require.ErrorContains(t, err, "11 bytes are too few for a Parquet file")
}
