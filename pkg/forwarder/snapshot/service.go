// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package snapshot cuts snapshots from what was recorded, makes them of uploads, and reads and deletes them.
package snapshot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/failure"
	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	snapshotStatus = "trafficsnapshots/status"
	snapshotRead   = "trafficsnapshots/records"

	// maxBuilds is how many snapshots are cut at a time.
	maxBuilds = 2
	// settleTime is how long proxies take to push what ended before the window did.
	settleTime = time.Second
)

// Sealer brings into storage what is not there yet.
type Sealer interface {
	SealAll(ctx context.Context) error
}

// Snapshots is the service of that name. Stop ends its work.
type Snapshots struct {
	trafficpb.UnimplementedSnapshotsServer
	bucket  *blob.Bucket
	sealer  Sealer
	guard   *auth.Guard
	builds  *semaphore.Weighted
	staging *staging

	ctx  context.Context // of all builds: they outlive the calls that started them
	stop context.CancelCauseFunc

	mu   sync.Mutex
	jobs map[string]*job // by namespace and uid
}

// job is a build under way. Calls for the same snapshot wait for the same job.
type job struct {
	cancel   context.CancelCauseFunc
	done     chan struct{} // closed at the end; then the rest is set
	manifest *trafficpb.Manifest
	err      error
}

// New returns the service. The context carries values, such as the logger, but its end does not end the service. The
// directory is that of uploads.
func New(ctx context.Context, bucket *blob.Bucket, sealer Sealer, guard *auth.Guard, uploadDir string) *Snapshots {
	ctx, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	return &Snapshots{
		bucket: bucket, sealer: sealer, guard: guard, builds: semaphore.NewWeighted(maxBuilds), staging: newStaging(uploadDir),
		ctx: ctx, stop: stop, jobs: make(map[string]*job),
	}
}

// Stop ends builds that are under way and waits for them.
func (s *Snapshots) Stop() {
	s.stop(errors.New("the forwarder stops"))
	s.mu.Lock()
	jobs := make([]*job, 0, len(s.jobs))
	for _, j := range s.jobs {
		jobs = append(jobs, j)
	}
	s.mu.Unlock()
	for _, j := range jobs {
		<-j.done
	}
}

// Build cuts a snapshot, or returns the one that was cut for the uid before. When the call ends early the cutting goes on,
// and the next call gets its result.
func (s *Snapshots) Build(ctx context.Context, request *trafficpb.BuildRequest) (*trafficpb.Manifest, error) {
	ref := request.GetSnapshot()
	if err := s.guard.CheckObject(ctx, "update", snapshotStatus, "snapshot", ref); err != nil {
		return nil, err
	}
	if err := auth.ValidName("workload", request.GetWorkload()); err != nil {
		return nil, err
	}
	if request.GetFrom() < 0 || request.GetTo() <= request.GetFrom() {
		return nil, status.Errorf(codes.InvalidArgument, "to: %d is not after from, which is %d and must not be negative", request.GetTo(), request.GetFrom())
	}
	if _, err := descriptor.ParseOptional(request.GetDescriptorSet()); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "descriptorSet: %v", err)
	}
	j := s.join(ref, timed(sourceCut, func(ctx context.Context) (*trafficpb.Manifest, error) { return s.build(ctx, request) }))
	return j.wait(ctx, "cutting", ref)
}

// wait returns what came of a job.
func (j *job) wait(ctx context.Context, doing string, ref *trafficpb.ObjectRef) (*trafficpb.Manifest, error) {
	select {
	case <-j.done:
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	if j.err != nil {
		return nil, failure.Status(ctx, j.err, "%s snapshot %s/%s", doing, ref.GetNamespace(), ref.GetName())
	}
	return j.manifest, nil
}

// join returns the job for a snapshot, begun now unless there is one.
func (s *Snapshots) join(ref *trafficpb.ObjectRef, build func(context.Context) (*trafficpb.Manifest, error)) *job {
	key := jobKey(ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	if j, ok := s.jobs[key]; ok {
		return j
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	j := &job{cancel: cancel, done: make(chan struct{})}
	s.jobs[key] = j
	go func() {
		defer cancel(nil)
		j.manifest, j.err = build(ctx)
		if j.err != nil && ctx.Err() != nil {
			j.err = status.Errorf(codes.Aborted, "making snapshot %s: %v", ref.GetName(), context.Cause(ctx))
		}
		s.mu.Lock()
		delete(s.jobs, key)
		s.mu.Unlock()
		close(j.done)
	}()
	return j
}

func (s *Snapshots) build(ctx context.Context, request *trafficpb.BuildRequest) (*trafficpb.Manifest, error) {
	ref := request.GetSnapshot()
	if manifest, err := s.built(ctx, ref); manifest != nil || err != nil {
		return manifest, err
	}
	if err := s.builds.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer s.builds.Release(1)
	if err := settle(ctx, time.Unix(0, request.GetTo())); err != nil {
		return nil, err
	}
	if err := s.sealer.SealAll(ctx); err != nil {
		return nil, fmt.Errorf("sealing what is recorded: %w", err)
	}
	return cut(ctx, s.bucket, request, fileBytes)
}

// built returns the manifest of a snapshot that is there already, nil when there is none.
func (s *Snapshots) built(ctx context.Context, ref *trafficpb.ObjectRef) (*trafficpb.Manifest, error) {
	manifest, err := store.ReadManifest(ctx, s.bucket, ref)
	if store.IsNotFound(err) {
		return nil, nil
	}
	if err == nil && manifest.GetSnapshot().GetName() != ref.GetName() {
		return nil, status.Errorf(codes.AlreadyExists, "snapshot.name: %q is not the name of the snapshot with uid %s", ref.GetName(), ref.GetUid())
	}
	return manifest, err
}

// settle waits when the window has ended just now.
func settle(ctx context.Context, end time.Time) error {
	wait := settleTime - time.Since(end)
	if wait <= 0 || wait > settleTime {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// manifest returns the manifest of a snapshot, or a NotFound status. A snapshot of the same uid and another name is
// another one: rights may be bound to the name.
func (s *Snapshots) manifest(ctx context.Context, ref *trafficpb.ObjectRef) (*trafficpb.Manifest, error) {
	manifest, err := store.ReadManifest(ctx, s.bucket, ref)
	if err != nil && !store.IsNotFound(err) {
		return nil, err
	}
	if err != nil || manifest.GetSnapshot().GetName() != ref.GetName() {
		return nil, status.Errorf(codes.NotFound, "snapshot %s/%s with uid %s is not there", ref.GetNamespace(), ref.GetName(), ref.GetUid())
	}
	return manifest, nil
}

// GetManifest returns the manifest of a snapshot.
func (s *Snapshots) GetManifest(ctx context.Context, ref *trafficpb.ObjectRef) (*trafficpb.Manifest, error) {
	if err := s.guard.CheckObject(ctx, "get", snapshotRead, "", ref); err != nil {
		return nil, err
	}
	manifest, err := s.manifest(ctx, ref)
	if err != nil {
		return nil, failure.Status(ctx, err, "reading the manifest of snapshot %s/%s", ref.GetNamespace(), ref.GetName())
	}
	return manifest, nil
}

// Delete ends the cutting of a snapshot and deletes what there is of it.
func (s *Snapshots) Delete(ctx context.Context, ref *trafficpb.ObjectRef) (*trafficpb.DeleteResponse, error) {
	if err := s.guard.CheckObject(ctx, "update", snapshotStatus, "", ref); err != nil {
		return nil, err
	}
	s.mu.Lock()
	building := s.jobs[jobKey(ref)]
	s.mu.Unlock()
	if building != nil {
		building.cancel(errors.New("the snapshot is deleted"))
		select {
		case <-building.done:
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}
	manifest, err := store.ReadManifest(ctx, s.bucket, ref)
	if err == nil && manifest.GetSnapshot().GetName() != ref.GetName() {
		return &trafficpb.DeleteResponse{}, nil // it is another one
	}
	if err := s.deleteUpload(ref); err != nil {
		return nil, failure.Status(ctx, err, "deleting the upload of snapshot %s/%s", ref.GetNamespace(), ref.GetName())
	}
	if err == nil || store.IsNotFound(err) {
		err = store.DeletePrefix(ctx, s.bucket, store.SnapshotPrefix(ref.GetNamespace(), ref.GetUid()))
	}
	if err != nil {
		return nil, failure.Status(ctx, err, "deleting snapshot %s/%s", ref.GetNamespace(), ref.GetName())
	}
	return &trafficpb.DeleteResponse{}, nil
}

func jobKey(ref *trafficpb.ObjectRef) string { return ref.GetNamespace() + "/" + ref.GetUid() }
