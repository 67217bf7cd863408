// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// pageBytes is the size of a page before compression. A page is the unit of compression: smaller ones cost ratio.
	pageBytes = 256 << 10
	// rowGroupBytes is about the size of a row group before compression, and so of what a writer holds in memory.
	rowGroupBytes = 16 << 20
	// rowOverhead is about what the columns of a row take besides heads and bodies.
	rowOverhead = 400
	// writeRows is how many rows are handed to the encoder at once.
	writeRows = 64
)

// Writer writes one Parquet file. Records must come sorted by their start.
type Writer struct {
	parquet *parquet.GenericWriter[row]
	rows    []row
	group   int // bytes in the row group being written
	count   uint64
	first   int64
	last    int64
}

// NewWriter returns a writer of a file to out.
func NewWriter(out io.Writer) *Writer {
	return &Writer{
		rows: make([]row, 0, writeRows),
		parquet: parquet.NewGenericWriter[row](out,
			parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
			parquet.PageBufferSize(pageBytes),
			parquet.KeyValueMetadata(schemaVersionKey, strconv.Itoa(SchemaVersion)),
			parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("start_time"))),
			parquet.BloomFilters(
				parquet.SplitBlockFilter(10, "operation"),
				parquet.SplitBlockFilter(10, "host"),
				parquet.SplitBlockFilter(10, "session"),
			),
			// The bounds of heads, bodies and hashes help no query.
			parquet.SkipPageBounds("request_head"), parquet.SkipPageBounds("request_body"), parquet.SkipPageBounds("request_body_sha256"),
			parquet.SkipPageBounds("response_head"), parquet.SkipPageBounds("response_body"), parquet.SkipPageBounds("response_body_sha256"),
		),
	}
}

// Write adds a record. It keeps the record's heads and bodies until they are encoded, so they must not change.
func (w *Writer) Write(record *trafficpb.Record) error {
	start := traffic.Start(record)
	if w.count > 0 && start < w.last {
		return fmt.Errorf("record %s is out of order: it starts %d ns before the one before it", record.GetId(), w.last-start)
	}
	if w.count == 0 {
		w.first = start
	}
	w.last = start
	w.count++
	w.rows = append(w.rows, newRow(record))
	w.group += rowOverhead + messageBytes(record.GetRequest()) + messageBytes(record.GetResponse())
	if w.group >= rowGroupBytes {
		return w.endGroup()
	}
	if len(w.rows) == cap(w.rows) {
		return w.encode()
	}
	return nil
}

// Count is the number of records written so far.
func (w *Writer) Count() uint64 { return w.count }

// Close writes what is left and the footer. It does not close the output.
func (w *Writer) Close() error {
	w.parquet.SetKeyValueMetadata(minTimeKey, strconv.FormatInt(w.first, 10))
	w.parquet.SetKeyValueMetadata(maxTimeKey, strconv.FormatInt(w.last, 10))
	return errors.Join(w.encode(), w.parquet.Close())
}

func (w *Writer) encode() error {
	_, err := w.parquet.Write(w.rows)
	clear(w.rows)
	w.rows = w.rows[:0]
	return err
}

func (w *Writer) endGroup() error {
	w.group = 0
	if err := w.encode(); err != nil {
		return err
	}
	return w.parquet.Flush()
}

func messageBytes(m *trafficpb.Message) int { return len(m.GetHead()) + len(m.GetBody()) }
