// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/parquet-go/parquet-go"
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

// A footer takes no memory for what it only says that it has.
func TestFooterHasWhatItSays(t *testing.T) {
	for name, footer := range map[string][]byte{
		"a list of 2^31-1 structs":    {0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0},
		"a list of 2^31-1 booleans":   {0x29, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07, 1, 0},
		"a set of 2^31-1 numbers":     {0x2a, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x07, 1, 0},
		"a map of 2^31-1 texts":       {0x2b, 0xff, 0xff, 0xff, 0xff, 0x07, 0x88, 0, 0, 0},
		"a text of 2^31-1 bytes":      {0x68, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0},
		"lists in lists":              bytes.Repeat([]byte{0x19}, 1<<20),
		"a struct that does not end":  {0x15, 0x02},
		"a number that does not end":  {0x15, 0x80},
		"a list of no type":           {0x29, 0x10, 0},
		"a field of a type not known": {0x2e, 0},
	} {
		file := append([]byte("PAR1"), footer...)
		file = append(binary.LittleEndian.AppendUint32(file, uint32(len(footer))), "PAR1"...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := newReader(name, bytes.NewReader(file), int64(len(file)))
		runtime.ReadMemStats(&after)
		require.ErrorContains(t, err, "reading the footer: ", name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20), name)
	}
}

// Another codec than that of the writer may take any memory.
func TestCompressionIsTheWriters(t *testing.T) {
	var file bytes.Buffer
	writer := parquet.NewGenericWriter[row](&file, parquet.Compression(&parquet.Lz4Raw))
	_, err := writer.Write([]row{newRow(order(rand.New(rand.NewPCG(1, 2)), 0))})
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	_, err = newReader("lz4", bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.EqualError(t, err, "column start_time is compressed with LZ4_RAW, allowed is ZSTD")
}
