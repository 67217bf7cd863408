// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/forwarder/failure"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// messageBytes is about what one message of a stream has. A single record may be larger, up to journal.MaxRecordBytes.
const messageBytes = 512 << 10

// Read streams the records of a snapshot. It holds a few pages of the files and one message in memory.
func (s *Snapshots) Read(request *trafficpb.ReadRequest, stream trafficpb.Snapshots_ReadServer) error {
	ctx := stream.Context()
	ref := request.GetSnapshot()
	if err := s.guard.CheckObject(ctx, "get", snapshotRead, "snapshot", ref); err != nil {
		return err
	}
	manifest, err := s.manifest(ctx, ref)
	if err == nil {
		err = checkKeys(request, manifest)
	}
	if err == nil {
		err = s.read(ctx, request, manifest, stream.Send)
	}
	if err != nil {
		return failure.Status(ctx, err, "reading snapshot %s/%s", ref.GetNamespace(), ref.GetName())
	}
	return nil
}

func checkKeys(request *trafficpb.ReadRequest, manifest *trafficpb.Manifest) error {
	var known []string
	for _, slice := range manifest.GetSlices() {
		known = append(known, slice.GetKey())
	}
	for n, key := range request.GetKeys() {
		if !slices.Contains(known, key) {
			return status.Errorf(codes.InvalidArgument, "keys[%d]: %q is not a slice of the snapshot, which has: %s", n, key, strings.Join(known, ", "))
		}
	}
	return nil
}

func (s *Snapshots) read(ctx context.Context, request *trafficpb.ReadRequest, manifest *trafficpb.Manifest, send func(*trafficpb.ReadResponse) error) error {
	p := &page{request: request, send: send, skip: request.GetOffset()}
	prefix := store.SnapshotPrefix(manifest.GetSnapshot().GetNamespace(), manifest.GetSnapshot().GetUid())
	for _, name := range manifest.GetFiles() {
		if p.full() {
			break
		}
		if err := s.readFile(ctx, prefix+name, p); err != nil {
			return err
		}
	}
	return p.flush()
}

func (s *Snapshots) readFile(ctx context.Context, key string, p *page) error {
	reader, err := store.Open(ctx, s.bucket, key)
	if err != nil {
		return err
	}
	defer reader.Close()
	if p.selectsAll() { // what is left out need not be read
		skip := min(p.skip, reader.Count())
		p.skip -= skip
		if skip == reader.Count() {
			return nil
		}
		if err := reader.Seek(skip); err != nil {
			return err
		}
	}
	for !p.full() {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.add(record); err != nil {
			return err
		}
	}
	return nil
}

// page takes those records that a request asks for and sends them in messages.
type page struct {
	request *trafficpb.ReadRequest
	send    func(*trafficpb.ReadResponse) error
	skip    uint64 // still to be left out
	taken   uint64
	records []*trafficpb.Record // of the message being filled
	size    int                 // of records
}

func (p *page) selectsAll() bool {
	return p.request.GetDirection() == trafficpb.Direction_DIRECTION_UNSPECIFIED && len(p.request.GetKeys()) == 0
}

func (p *page) full() bool {
	return p.request.GetLimit() > 0 && p.taken >= p.request.GetLimit()
}

func (p *page) selects(record *trafficpb.Record) bool {
	if d := p.request.GetDirection(); d != trafficpb.Direction_DIRECTION_UNSPECIFIED && d != record.GetDirection() {
		return false
	}
	return len(p.request.GetKeys()) == 0 || slices.Contains(p.request.GetKeys(), traffic.SliceKey(record))
}

func (p *page) add(record *trafficpb.Record) error {
	if !p.selects(record) {
		return nil
	}
	if p.skip > 0 {
		p.skip--
		return nil
	}
	size := proto.Size(record)
	if p.size > 0 && p.size+size > messageBytes {
		if err := p.flush(); err != nil {
			return err
		}
	}
	p.records = append(p.records, record)
	p.size += size
	p.taken++
	return nil
}

func (p *page) flush() error {
	if len(p.records) == 0 {
		return nil
	}
	err := p.send(&trafficpb.ReadResponse{Records: p.records})
	p.records, p.size = nil, 0
	return err
}
