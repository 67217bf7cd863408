// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"errors"
	"io"

	"github.com/restage-dev/restage/pkg/forwarder/failure"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Read streams the records of a snapshot. It holds a few pages of the files and one message in memory.
func (s *Snapshots) Read(request *trafficpb.ReadRequest, stream trafficpb.Snapshots_ReadServer) error {
	ctx := stream.Context()
	ref := request.GetSnapshot()
	if err := s.guard.CheckObject(ctx, "get", snapshotRead, "snapshot", ref); err != nil {
		return err
	}
	manifest, err := s.manifest(ctx, ref)
	if err != nil {
		return failure.Status(ctx, err, "reading snapshot %s/%s", ref.GetNamespace(), ref.GetName())
	}
	p, err := newPage(request, manifest, stream.Send)
	if err == nil {
		err = s.read(ctx, manifest, p)
	}
	if err != nil {
		return failure.Status(ctx, err, "reading snapshot %s/%s", ref.GetNamespace(), ref.GetName())
	}
	return nil
}

func (s *Snapshots) read(ctx context.Context, manifest *trafficpb.Manifest, p *page) error {
	prefix := store.SnapshotPrefix(manifest.GetSnapshot().GetNamespace(), manifest.GetSnapshot().GetUid())
	first := uint64(0) // index of the first record of the file
	for _, name := range manifest.GetFiles() {
		if p.ended() {
			break
		}
		count, err := s.readFile(ctx, prefix+name, first, p)
		if err != nil {
			return err
		}
		first += count
	}
	return p.close()
}

// readFile reads what a page still wants of a file, and returns how many records the file has.
func (s *Snapshots) readFile(ctx context.Context, key string, first uint64, p *page) (count uint64, err error) {
	reader, err := store.Open(ctx, s.bucket, key)
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	count = reader.Count()
	if p.next >= first+count {
		return count, nil
	}
	if err := reader.Seek(p.next - first); err != nil {
		return 0, err
	}
	for !p.ended() {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		if err := p.look(record); err != nil {
			return 0, err
		}
	}
	return count, nil
}
