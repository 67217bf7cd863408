// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go/format"
)

// footer has the end of a file in memory, so that it is read once.
type footer struct {
	io.ReaderAt
	from  int64
	bytes []byte
}

func (f *footer) ReadAt(p []byte, offset int64) (int, error) {
	if offset < f.from {
		return f.ReaderAt.ReadAt(p, offset)
	}
	n := copy(p, f.bytes[min(offset-f.from, int64(len(f.bytes))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// readFooter returns the file with its footer, which is found sound: the library takes as much memory as the end of a file says that the footer has,
// up to 4 GiB, and as many entries as a list in it says that it has, up to 2^31. The format is in https://parquet.apache.org/docs/file-format/.
func readFooter(in io.ReaderAt, size int64) (*footer, error) {
	const magic, end = 4, 8 // the end is the length of the footer, and the magic once more
	var last [end]byte
	if size < magic+end {
		return nil, fmt.Errorf("%d bytes are too few for a Parquet file", size)
	}
	if _, err := in.ReadAt(last[:], size-end); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(last[:]))
	if length > size-magic-end {
		return nil, fmt.Errorf("a file of %d bytes says that its footer has %d", size, length)
	}
	f := &footer{in, size - end - length, append(make([]byte, length, length+end), last[:]...)}
	if _, err := in.ReadAt(f.bytes[:length], f.from); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the footer: %w", err)
	}
	if err := (&thriftWalk{rest: f.bytes[:length]}).value(thriftStruct, deepestThrift); err != nil {
		return nil, fmt.Errorf("reading the footer: %w", err)
	}
	return f, nil
}

// checkCompression wants all columns as the writer compresses them: other codecs take as much memory as a damaged page says that it needs.
func checkCompression(metadata *format.FileMetaData) error {
	for i := range metadata.RowGroups {
		for j := range metadata.RowGroups[i].Columns {
			column := &metadata.RowGroups[i].Columns[j].MetaData
			if column.Codec != format.Zstd {
				return fmt.Errorf("column %s is compressed with %v, allowed is %v", strings.Join(column.PathInSchema, "."), column.Codec, format.Zstd)
			}
		}
	}
	return nil
}
