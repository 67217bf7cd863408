// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/filter"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// messageBytes is about what one message of a stream has. A single record may be larger, up to journal.MaxRecordBytes.
const messageBytes = 512 << 10

// page takes those records that a request asks for and sends them in messages. It is full when the request's limits
// say so, and through when there is nothing more to select.
type page struct {
	request  *trafficpb.ReadRequest
	filter   *filter.Filter
	send     func(*trafficpb.ReadResponse) error
	deadline time.Time // zero: none

	next    uint64 // index of the next record to look at
	total   uint64 // of all records of the snapshot
	looked  bool   // at a record at least, so that whoever asks again gets on
	through bool
	taken   uint64
	bytes   uint64 // of all records taken

	records []*trafficpb.Record // of the message being filled
	size    int                 // of records
}

func newPage(request *trafficpb.ReadRequest, manifest *trafficpb.Manifest, send func(*trafficpb.ReadResponse) error) (*page, error) {
	var known []string
	for _, slice := range manifest.GetSlices() {
		known = append(known, slice.GetKey())
	}
	for n, key := range request.GetKeys() {
		if !slices.Contains(known, key) {
			return nil, status.Errorf(codes.InvalidArgument, "keys[%d]: %q is not a slice of the snapshot, which has: %s", n, key, strings.Join(known, ", "))
		}
	}
	selected, err := filter.New(request.GetFilter(), slices.Compact(slices.Sorted(slices.Values(known))))
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	p := &page{request: request, filter: selected, send: send, next: request.GetStart(), total: manifest.GetInbound() + manifest.GetOutbound()}
	if ms := request.GetMaxMilliseconds(); ms > 0 {
		p.deadline = time.Now().Add(time.Duration(min(ms, uint64(time.Hour.Milliseconds()))) * time.Millisecond)
	}
	return p, nil
}

func (p *page) ended() bool {
	r := p.request
	return p.through || r.GetLimit() > 0 && p.taken >= r.GetLimit() || r.GetMaxBytes() > 0 && p.bytes >= r.GetMaxBytes() ||
		p.looked && !p.deadline.IsZero() && time.Now().After(p.deadline)
}

// look takes the next record when it is one of those that are asked for.
func (p *page) look(record *trafficpb.Record) error {
	if p.filter.Ends(record) {
		p.through = true
		return nil
	}
	p.looked = true
	p.next++
	if !p.selects(record) {
		return nil
	}
	size := proto.Size(record)
	if p.size > 0 && p.size+size > messageBytes {
		if err := p.flush(0); err != nil {
			return err
		}
	}
	p.records = append(p.records, record)
	p.size += size
	p.bytes += uint64(size)
	p.taken++
	return nil
}

func (p *page) selects(record *trafficpb.Record) bool {
	if d := p.request.GetDirection(); d != trafficpb.Direction_DIRECTION_UNSPECIFIED && d != record.GetDirection() {
		return false
	}
	if keys := p.request.GetKeys(); len(keys) > 0 && !slices.Contains(keys, traffic.SliceKey(record)) {
		return false
	}
	return p.filter.Selects(record)
}

// close sends what is left, and where the next page starts when this one was full before the end.
func (p *page) close() error {
	if p.through || p.next >= p.total {
		return p.flush(0)
	}
	return p.flush(p.next)
}

func (p *page) flush(next uint64) error {
	if len(p.records) == 0 && next == 0 {
		return nil
	}
	err := p.send(&trafficpb.ReadResponse{Records: p.records, Next: next})
	p.records, p.size = nil, 0
	return err
}
