// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/forwarder/wal"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// The first byte of an entry of the log says what the rest is.
const (
	recordEntry byte = 1 // protobuf, trafficpb.Record
	lossEntry   byte = 2 // JSON, store.Loss
	markEntry   byte = 3 // JSON, markJSON; in checkpoints
	totalsEntry byte = 4 // JSON, totalsJSON; in checkpoints
)

// MaxRecordBytes bounds a record as it is kept.
const MaxRecordBytes = wal.MaxEntryBytes - 64<<10

// Source is a proxy process, whose records and losses have sequences.
type Source struct {
	PodUID   string
	Instance string
}

// mark is how far a source has come: what is not beyond it is held already.
type mark struct {
	Record uint64
	Loss   uint64
}

type markJSON struct {
	Source
	mark
}

// Workload is the name of a workload in its namespace.
type Workload struct {
	Namespace string
	Name      string
}

// Totals count what was taken of a workload since the log was begun.
type Totals struct {
	Records    uint64
	Incomplete uint64 // of Records, those with a defect
	Dropped    uint64 // known to be lost
	LastRecord int64  // Unix nanoseconds; 0 when there is none
	LeftOut    Tally  `json:",omitempty"` // by reason: not recorded, as the capture asks for
	Redacted   Tally  `json:",omitempty"` // values, by class
	// Untouched are the TLS connections that were to be read and were not, newest first.
	Untouched []Untouched `json:",omitempty"`
}

func (t Totals) plus(o Totals) Totals {
	return Totals{
		Records: t.Records + o.Records, Incomplete: t.Incomplete + o.Incomplete, Dropped: t.Dropped + o.Dropped,
		LastRecord: max(t.LastRecord, o.LastRecord), LeftOut: t.LeftOut.plus(o.LeftOut), Redacted: t.Redacted.plus(o.Redacted),
		Untouched: mergeUntouched(t.Untouched, o.Untouched),
	}
}

type totalsJSON struct {
	Workload
	Totals
}

// encodeRecord returns the entry of a record.
func encodeRecord(record *trafficpb.Record) ([]byte, error) {
	return proto.MarshalOptions{}.MarshalAppend(append(make([]byte, 0, 1+proto.Size(record)), recordEntry), record)
}

func encodeJSON(kind byte, value any) ([]byte, error) {
	data, err := json.Marshal(value)
	return append([]byte{kind}, data...), err
}

// decode reads an entry of any kind; what it is of is not nil.
func decode(entry []byte) (e decoded, err error) {
	if len(entry) == 0 {
		return e, errors.New("an entry of the log is empty")
	}
	data := entry[1:]
	switch entry[0] {
	case recordEntry:
		e.record = &trafficpb.Record{}
		err = proto.Unmarshal(data, e.record)
	case lossEntry:
		e.loss = &store.Loss{}
		err = json.Unmarshal(data, e.loss)
	case markEntry:
		e.mark = &markJSON{}
		err = json.Unmarshal(data, e.mark)
	case totalsEntry:
		e.totals = &totalsJSON{}
		err = json.Unmarshal(data, e.totals)
	default:
		err = errors.New("unknown kind; was it written by a newer version?")
	}
	if err != nil {
		return decoded{}, fmt.Errorf("entry of kind %d of the log: %w", entry[0], err)
	}
	return e, nil
}

type decoded struct {
	record *trafficpb.Record
	loss   *store.Loss
	mark   *markJSON
	totals *totalsJSON
}
