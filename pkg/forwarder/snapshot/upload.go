// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/failure"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	snapshotUpload = "trafficsnapshots/upload"
	// maxUploadChunk bounds a piece of an upload on the wire.
	maxUploadChunk = 1 << 20
)

// GetUpload tells how far an upload is.
func (s *Snapshots) GetUpload(ctx context.Context, ref *trafficpb.ObjectRef) (*trafficpb.UploadState, error) {
	if err := s.guard.CheckObject(ctx, "get", snapshotUpload, "", ref); err != nil {
		return nil, err
	}
	var state *trafficpb.UploadState
	u, err := s.staging.look(ref)
	if err == nil {
		state, err = u.describe()
	}
	if err != nil {
		return nil, failure.Status(ctx, err, "looking at the upload of snapshot %s/%s", ref.GetNamespace(), ref.GetName())
	}
	return state, nil
}

// AppendUpload keeps what comes of an upload. When it breaks off, what has come is kept.
func (s *Snapshots) AppendUpload(stream trafficpb.Snapshots_AppendUploadServer) error {
	ctx := stream.Context()
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return status.Error(codes.InvalidArgument, "snapshot: the first chunk must name it, but none came")
	}
	if err != nil {
		return err
	}
	ref := first.GetSnapshot()
	if err := s.guard.CheckObject(ctx, "update", snapshotUpload, "snapshot", ref); err != nil {
		return err
	}
	if err := auth.ValidName("workload", first.GetWorkload()); err != nil {
		return err
	}
	state, err := s.appendUpload(ctx, first, stream)
	if err != nil {
		return failure.Status(ctx, err, "keeping the upload of snapshot %s/%s", ref.GetNamespace(), ref.GetName())
	}
	return stream.SendAndClose(state)
}

func (s *Snapshots) appendUpload(ctx context.Context, first *trafficpb.UploadChunk, stream trafficpb.Snapshots_AppendUploadServer) (*trafficpb.UploadState, error) {
	ref := first.GetSnapshot()
	if _, err := store.ReadManifest(ctx, s.bucket, ref); err == nil {
		return nil, status.Error(codes.FailedPrecondition, "the snapshot has its content already, and that never changes")
	} else if !store.IsNotFound(err) {
		return nil, err
	}
	u, err := s.staging.take(ref)
	if err != nil {
		return nil, err
	}
	defer u.release()
	if err := u.begin(first); err != nil {
		return nil, err
	}
	complete, err := u.write(first, stream)
	if err != nil {
		return nil, err
	}
	if complete {
		if err := u.complete(ctx, ref); err != nil {
			return nil, err
		}
	}
	return u.describe()
}

// begin checks that what comes fits what is there, which a restart drops.
func (u *upload) begin(first *trafficpb.UploadChunk) error {
	if first.GetRestart() {
		if err := u.remove(); err != nil {
			return err
		}
		u.state = uploadState{Name: u.state.Name}
	}
	size, _, err := u.size()
	if err != nil {
		return err
	}
	length := first.GetLength()
	switch {
	case u.state.Complete:
		return status.Error(codes.FailedPrecondition, "the upload is complete already; to replace it, begin from the start")
	case first.GetOffset() != size:
		return wrongOffset(first.GetOffset(), &trafficpb.UploadState{Offset: size, Length: u.state.Length, MaxLength: maxUploadBytes})
	case length > maxUploadBytes:
		return tooLarge()
	case length != 0 && u.state.Length != 0 && length != u.state.Length:
		return status.Errorf(codes.InvalidArgument, "length: %d is not the one that was given first, %d", length, u.state.Length)
	}
	if length != 0 {
		u.state.Length = length
	}
	u.state.Workload, u.state.Port = first.GetWorkload(), first.GetPort()
	staged, err := u.staging.staged()
	if err != nil {
		return err
	}
	if staged >= maxStagedBytes {
		return status.Errorf(codes.ResourceExhausted, "uploads that are not snapshots yet have %d MiB; delete some of their TrafficSnapshots", staged>>20)
	}
	return u.save()
}

// wrongOffset is an OutOfRange status that has the right one as a detail.
func wrongOffset(got uint64, state *trafficpb.UploadState) error {
	s, err := status.Newf(codes.OutOfRange, "offset: %d is not where the upload goes on, %d", got, state.GetOffset()).WithDetails(state)
	if err != nil {
		return err
	}
	return s.Err()
}

func tooLarge() error {
	return status.Errorf(codes.ResourceExhausted, "the upload is larger than %d MiB, the most that a snapshot takes", maxUploadBytes>>20)
}

// write appends the chunks of a call to the content, and returns whether the upload ends with them.
func (u *upload) write(chunk *trafficpb.UploadChunk, stream trafficpb.Snapshots_AppendUploadServer) (complete bool, err error) {
	file, err := os.OpenFile(u.content(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, file.Sync(), file.Close()) }()
	for size := chunk.GetOffset(); ; {
		size += uint64(len(chunk.GetData()))
		complete = complete || chunk.GetComplete()
		switch {
		case len(chunk.GetData()) > maxUploadChunk:
			return false, status.Errorf(codes.InvalidArgument, "data: a piece has %d bytes, more than %d", len(chunk.GetData()), maxUploadChunk)
		case size > maxUploadBytes:
			return false, tooLarge()
		case u.state.Length != 0 && size > u.state.Length:
			return false, status.Errorf(codes.InvalidArgument, "length: there is more than the %d bytes that it says", u.state.Length)
		}
		if _, err := file.Write(chunk.GetData()); err != nil {
			return false, err
		}
		if chunk, err = stream.Recv(); errors.Is(err, io.EOF) {
			return complete, nil
		}
		if err != nil {
			return false, err
		}
		if chunk.GetSnapshot() != nil {
			return false, status.Error(codes.InvalidArgument, "snapshot: only the first chunk names it")
		}
	}
}

// complete checks the whole. Content that cannot be read is dropped, so that it can be uploaded anew.
func (u *upload) complete(ctx context.Context, ref *trafficpb.ObjectRef) error {
	size, _, err := u.size()
	if err != nil {
		return err
	}
	if u.state.Length != 0 && size != u.state.Length {
		return status.Errorf(codes.InvalidArgument, "length: the upload ends after %d bytes of %d", size, u.state.Length)
	}
	if _, err := u.index(ctx, ref); err != nil {
		if status.Code(err) == codes.InvalidArgument {
			err = errors.Join(err, u.remove())
		}
		return err
	}
	u.state.Complete, u.state.Length = true, size
	return u.save()
}

// PruneUploads removes the uploads that were begun, never completed, and not touched since.
func (s *Snapshots) PruneUploads(before time.Time) error { return s.staging.prune(before) }
