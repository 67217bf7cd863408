// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package ingest takes records from proxies and answers what has been taken.
package ingest

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/journal"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// maxWaitingBytes bounds what all streams together have read and not yet acknowledged, beside one message a stream.
	maxWaitingBytes = 64 << 20
	// streamAge is how long a stream lasts. Its end makes the proxy show its token again, so that the pod of a revoked
	// one does not push for ever.
	streamAge = 30 * time.Minute
)

// Ingest is the service of that name.
type Ingest struct {
	trafficpb.UnimplementedIngestServer
	journal *journal.Journal
	waiting *semaphore.Weighted
}

// New returns the service.
func New(j *journal.Journal) *Ingest {
	return &Ingest{journal: j, waiting: semaphore.NewWeighted(maxWaitingBytes)}
}

// Push acknowledges each batch when it is safe. A process sends in the order of its sequences, and begins a new stream with the first
// batch that was not acknowledged: so all that is not beyond what is held is held, also when an old stream is still read beside the
// new one. What is out of order on a stream would be taken for held and lost, so it is refused. One batch of a stream is under way at a time, so a slow disk slows the
// proxy's stream down, and nothing else.
func (i *Ingest) Push(stream trafficpb.Ingest_PushServer) error {
	ctx := stream.Context()
	pod, err := auth.Caller(ctx).Pod()
	if err != nil {
		return err
	}
	streamsOpen.Inc()
	defer streamsOpen.Dec()
	ends := time.Now().Add(streamAge)
	order := make(order)
	for batch := uint64(1); ; batch++ {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if request.GetBatch() != batch {
			return status.Errorf(codes.InvalidArgument, "batch: %d came where %d was next", request.GetBatch(), batch)
		}
		if err := i.take(ctx, pod, order, request); err != nil {
			batches.WithLabelValues("failed").Inc()
			return err
		}
		batches.WithLabelValues("acknowledged").Inc()
		if err := stream.Send(&trafficpb.PushResponse{Batch: batch}); err != nil {
			return err
		}
		if time.Now().After(ends) {
			return status.Errorf(codes.Unavailable, "a stream lasts %v; open a new one", streamAge)
		}
	}
}

func (i *Ingest) take(ctx context.Context, pod auth.Pod, order order, request *trafficpb.PushRequest) error {
	size := min(int64(proto.Size(request)), maxWaitingBytes)
	if err := i.waiting.Acquire(ctx, size); err != nil {
		return status.FromContextError(err).Err()
	}
	defer i.waiting.Release(size)
	batch, err := accept(pod, request, time.Now())
	if err != nil {
		return err
	}
	if err := order.check(request); err != nil {
		return err
	}
	err = i.journal.Commit(ctx, batch)
	if err != nil && ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	if err != nil {
		klog.FromContext(ctx).Error(err, "Taking a batch failed", "namespace", pod.Namespace, "pod", pod.Name, "batch", request.GetBatch())
		return status.Error(codes.Unavailable, "the batch could not be made safe; send it again")
	}
	return nil
}
