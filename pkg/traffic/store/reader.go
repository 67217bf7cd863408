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
	at      uint64 // index of the record that is next
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

func newReader(name string, in io.ReaderAt, size int64) (r *Reader, err error) {
	err = guard(func() error {
		r, err = openReader(name, in, size)
		return err
	})
	return r, err
}

func openReader(name string, in io.ReaderAt, size int64) (*Reader, error) {
	in, err := readFooter(in, size)
	if err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(in, size,
		parquet.ReadBufferSize(readBuffer), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, err
	}
	if err := checkCompression(file.Metadata()); err != nil {
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
	r.rows, r.at = nil, index
	if err := guard(func() error { return r.parquet.SeekToRow(int64(index)) }); err != nil {
		return fmt.Errorf("reading %s from record %d: %w", r.name, index, err)
	}
	return nil
}

// Next returns the next record, or io.EOF after the last one.
func (r *Reader) Next() (*trafficpb.Record, error) {
	if len(r.rows) == 0 {
		if err := r.read(); errors.Is(err, io.EOF) {
			return nil, io.EOF
		} else if err != nil {
			return nil, fmt.Errorf("reading %s: %w", r.name, err)
		}
	}
	record, err := r.rows[0].record()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", r.name, err)
	}
	r.rows = r.rows[1:]
	r.at++
	return record, nil
}

// read reads the next rows, at least one of them, or returns io.EOF when there are none.
func (r *Reader) read() error {
	clear(r.buffer) // records keep what they were given
	n := 0
	err := guard(func() (err error) {
		n, err = r.parquet.Read(r.buffer)
		return err
	})
	if n > 0 {
		r.rows = r.buffer[:n]
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if r.at != r.count {
		return fmt.Errorf("the file says that it has %d records, and ends after %d", r.count, r.at)
	}
	return io.EOF
}

// Close frees what the reader holds.
func (r *Reader) Close() error { return guard(r.parquet.Close) }

// guard makes an error of a panic of the library, which does not check all that a damaged file can say.
func guard(do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the file is damaged: %v", cause)
		}
	}()
	return do()
}
