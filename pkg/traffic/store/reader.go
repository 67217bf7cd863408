// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"gocloud.dev/blob"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// readBuffer is the size of the reads of a column.
	readBuffer = 128 << 10
	// readRows is how many rows are decoded at once.
	readRows = 32
)

// Reader reads the records of one Parquet file in order. It holds a page of each column, not the file.
type Reader struct {
	name    string
	parquet *parquet.GenericReader[row]
	count   uint64
	last    int64
	buffer  []row
	rows    []row // what is left of buffer
}

// Open opens the Parquet file of that key. The context also ends all later reads.
func Open(ctx context.Context, bucket *blob.Bucket, key string) (*Reader, error) {
	attributes, err := bucket.Attributes(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", key, err)
	}
	reader, err := newReader(key, &blobReaderAt{ctx: ctx, bucket: bucket, key: key}, attributes.Size)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", key, err)
	}
	return reader, nil
}

func newReader(name string, in io.ReaderAt, size int64) (*Reader, error) {
	file, err := parquet.OpenFile(in, size,
		parquet.ReadBufferSize(readBuffer), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, err
	}
	text, _ := file.Lookup(schemaVersionKey)
	version, err := strconv.Atoi(text)
	if err != nil || !readable(version) {
		return nil, fmt.Errorf("the file has schema version %q; %s", text, readableVersions())
	}
	lastText, _ := file.Lookup(maxTimeKey)
	last, err := strconv.ParseInt(lastText, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("metadata %s: %w", maxTimeKey, err)
	}
	return &Reader{
		name: name, count: uint64(file.NumRows()), last: last, buffer: make([]row, readRows),
		parquet: parquet.NewGenericReader[row](file),
	}, nil
}

// Count is the number of records of the file.
func (r *Reader) Count() uint64 { return r.count }

// LastStart is the start of the last record of the file, in Unix nanoseconds.
func (r *Reader) LastStart() int64 { return r.last }

// Seek goes to the record with that index, from 0.
func (r *Reader) Seek(index uint64) error {
	r.rows = nil
	if err := r.parquet.SeekToRow(int64(index)); err != nil {
		return fmt.Errorf("reading %s from record %d: %w", r.name, index, err)
	}
	return nil
}

// Next returns the next record, or io.EOF after the last one.
func (r *Reader) Next() (*trafficpb.Record, error) {
	if len(r.rows) == 0 {
		clear(r.buffer) // records keep what they were given
		n, err := r.parquet.Read(r.buffer)
		if n == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				return nil, io.EOF
			}
			return nil, fmt.Errorf("reading %s: %w", r.name, err)
		}
		r.rows = r.buffer[:n]
	}
	record, err := r.rows[0].record()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", r.name, err)
	}
	r.rows = r.rows[1:]
	return record, nil
}

// Close frees what the reader holds.
func (r *Reader) Close() error { return r.parquet.Close() }
