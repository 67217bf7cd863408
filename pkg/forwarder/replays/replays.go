// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package replays keeps the progress of replays, in memory, their logs, in files, and their reports, in storage.
package replays

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"gocloud.dev/blob"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/failure"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	replayReport = "trafficreplays/report"

	// maxReportBytes bounds a report, maxChunkBytes a piece of it on the wire.
	maxReportBytes = 64 << 20
	maxChunkBytes  = 1 << 20

	maxProgress      = 4096
	progressLifetime = 24 * time.Hour

	reportName = "report.json"
	ownerName  = "replay.json"
)

// Replays is the service of that name.
type Replays struct {
	trafficpb.UnimplementedReplaysServer
	bucket   *blob.Bucket
	guard    *auth.Guard
	progress *cache.LRUExpireCache // by owner; values are *trafficpb.Progress
	logs     *logs
}

// owner says whose report it is. Rights may be bound to the name, so a report is kept with it.
type owner struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
}

func ownerOf(ref *trafficpb.ObjectRef) owner {
	return owner{Namespace: ref.GetNamespace(), Name: ref.GetName(), UID: ref.GetUid()}
}

func (o owner) key(name string) string {
	return path.Join(store.ReportPrefix(o.Namespace, o.UID), name)
}

// New returns the service. The directory is that of the logs.
func New(bucket *blob.Bucket, guard *auth.Guard, logDir string) *Replays {
	return &Replays{bucket: bucket, guard: guard, progress: cache.NewLRUExpireCache(maxProgress), logs: newLogs(logDir)}
}

// PutProgress remembers how far a replay is.
func (r *Replays) PutProgress(ctx context.Context, request *trafficpb.PutProgressRequest) (*trafficpb.PutProgressResponse, error) {
	if err := r.guard.CheckObject(ctx, "update", replayReport, "replay", request.GetReplay()); err != nil {
		return nil, err
	}
	if request.GetProgress() == nil {
		return nil, status.Error(codes.InvalidArgument, "progress: is required")
	}
	o := ownerOf(request.GetReplay())
	r.progress.Add(o, request.GetProgress(), progressLifetime)
	if r.logs.isGone(o) {
		r.progress.Remove(o)
	}
	return &trafficpb.PutProgressResponse{}, nil
}

// GetProgress returns how far a replay is, or NotFound before it said so, and after a restart until it says so again.
func (r *Replays) GetProgress(ctx context.Context, ref *trafficpb.ObjectRef) (*trafficpb.Progress, error) {
	if err := r.guard.CheckObject(ctx, "get", replayReport, "", ref); err != nil {
		return nil, err
	}
	progress, ok := r.progress.Get(ownerOf(ref))
	if !ok {
		return nil, status.Errorf(codes.NotFound, "there is no progress of replay %s/%s", ref.GetNamespace(), ref.GetName())
	}
	return progress.(*trafficpb.Progress), nil
}

// PutReport replaces the report of a replay once all of it has come. That of a deleted replay is refused as NotFound.
func (r *Replays) PutReport(stream trafficpb.Replays_PutReportServer) error {
	ctx := stream.Context()
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return status.Error(codes.InvalidArgument, "replay: the first chunk must name it, but none came")
	}
	if err != nil {
		return err
	}
	if err := r.guard.CheckObject(ctx, "update", replayReport, "replay", first.GetReplay()); err != nil {
		return err
	}
	o := ownerOf(first.GetReplay())
	if err := r.keep(ctx, o, func(out io.Writer) error { return copyReport(out, first, stream) }); err != nil {
		return failure.Status(ctx, err, "keeping the report of replay %s/%s", o.Namespace, o.Name)
	}
	return stream.SendAndClose(&trafficpb.PutReportResponse{})
}

// keep stores a report unless its replay was deleted, before or meanwhile. Who deletes says so first and deletes then, so that one
// of the two finds what was stored in between.
func (r *Replays) keep(ctx context.Context, o owner, write func(io.Writer) error) error {
	deleted := status.Error(codes.NotFound, "the replay was deleted")
	if r.logs.isGone(o) {
		return deleted
	}
	if err := r.claim(ctx, o); err != nil {
		return err
	}
	err := store.Put(ctx, r.bucket, o.key(reportName), write)
	if !r.logs.isGone(o) {
		return err
	}
	if err := store.DeletePrefix(context.WithoutCancel(ctx), r.bucket, store.ReportPrefix(o.Namespace, o.UID)); err != nil {
		return err
	}
	return deleted
}

func copyReport(out io.Writer, chunk *trafficpb.ReportChunk, stream trafficpb.Replays_PutReportServer) error {
	size := 0
	for {
		size += len(chunk.GetData())
		if len(chunk.GetData()) > maxChunkBytes {
			return status.Errorf(codes.InvalidArgument, "data: a piece has %d bytes, more than %d", len(chunk.GetData()), maxChunkBytes)
		}
		if size > maxReportBytes {
			return status.Errorf(codes.ResourceExhausted, "data: the report is larger than %d MiB", maxReportBytes>>20)
		}
		if _, err := out.Write(chunk.GetData()); err != nil {
			return err
		}
		var err error
		chunk, err = stream.Recv()
		if errors.Is(err, io.EOF) && size == 0 {
			return status.Error(codes.InvalidArgument, "data: the report is empty")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if chunk.GetReplay() != nil {
			return status.Error(codes.InvalidArgument, "replay: only the first chunk names it")
		}
	}
}

// claim notes whose report it will be. One of the same uid and another name is refused.
func (r *Replays) claim(ctx context.Context, o owner) error {
	known, err := r.owner(ctx, o)
	if err == nil && known != o {
		return status.Errorf(codes.InvalidArgument, "replay.name: %q is not the name of the replay with that uid", o.Name)
	}
	if err == nil || !store.IsNotFound(err) {
		return err
	}
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return store.Put(ctx, r.bucket, o.key(ownerName), func(out io.Writer) error {
		_, err := out.Write(data)
		return err
	})
}

// owner returns who the kept report is of, by namespace and uid.
func (r *Replays) owner(ctx context.Context, o owner) (known owner, err error) {
	data, err := store.Get(ctx, r.bucket, o.key(ownerName), 64<<10)
	if err != nil {
		return known, err
	}
	if err := json.Unmarshal(data, &known); err != nil {
		return known, fmt.Errorf("reading %s: %w", o.key(ownerName), err)
	}
	return known, nil
}

// GetReport streams the report of a replay.
func (r *Replays) GetReport(ref *trafficpb.ObjectRef, stream trafficpb.Replays_GetReportServer) error {
	ctx := stream.Context()
	if err := r.guard.CheckObject(ctx, "get", replayReport, "", ref); err != nil {
		return err
	}
	o := ownerOf(ref)
	known, err := r.owner(ctx, o)
	if err == nil && known != o || err != nil && store.IsNotFound(err) {
		return status.Errorf(codes.NotFound, "there is no report of replay %s/%s", o.Namespace, o.Name)
	}
	var report []byte
	if err == nil {
		report, err = store.Get(ctx, r.bucket, o.key(reportName), maxReportBytes)
	}
	if err != nil {
		return failure.Status(ctx, err, "reading the report of replay %s/%s", o.Namespace, o.Name)
	}
	for n, piece := range slices.Collect(slices.Chunk(report, maxChunkBytes)) {
		chunk := &trafficpb.ReportChunk{Data: piece}
		if n == 0 {
			chunk.Replay = ref
		}
		if err := stream.Send(chunk); err != nil {
			return err
		}
	}
	return nil
}

// DeleteReport deletes the report, the log and the progress of a replay.
func (r *Replays) DeleteReport(ctx context.Context, ref *trafficpb.ObjectRef) (*trafficpb.DeleteResponse, error) {
	if err := r.guard.CheckObject(ctx, "update", replayReport, "", ref); err != nil {
		return nil, err
	}
	o := ownerOf(ref)
	r.progress.Remove(o)
	if err := r.logs.remove(o); err != nil {
		return nil, failure.Status(ctx, err, "deleting the log of replay %s/%s", o.Namespace, o.Name)
	}
	known, err := r.owner(ctx, o)
	if err == nil && known != o {
		return &trafficpb.DeleteResponse{}, nil // it is another one's
	}
	if err == nil || store.IsNotFound(err) {
		err = store.DeletePrefix(ctx, r.bucket, store.ReportPrefix(o.Namespace, o.UID))
	}
	if err != nil {
		return nil, failure.Status(ctx, err, "deleting the report of replay %s/%s", o.Namespace, o.Name)
	}
	return &trafficpb.DeleteResponse{}, nil
}
