// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// BuildUpload makes the snapshot of a complete upload, or returns the one that was made for the uid before. Secrets are replaced
// with the key, as proxies do; what was replaced already stays as it is.
func (s *Snapshots) BuildUpload(ctx context.Context, request *trafficpb.BuildUploadRequest) (*trafficpb.Manifest, error) {
	ref := request.GetSnapshot()
	if err := s.guard.CheckObject(ctx, "update", snapshotStatus, "snapshot", ref); err != nil {
		return nil, err
	}
	if err := auth.ValidName("workload", request.GetWorkload()); err != nil {
		return nil, err
	}
	if err := redact.CheckKey(request.GetRedactionKey()); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "redactionKey: %v", err)
	}
	types, err := descriptor.ParseOptional(request.GetDescriptorSet())
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "descriptorSet: %v", err)
	}
	redactor, err := redactorOf(request)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "redaction: %v", err)
	}
	redactor.WithTypes(types)
	j := s.join(ref, timed(sourceUpload, func(ctx context.Context) (*trafficpb.Manifest, error) { return s.buildUpload(ctx, request, redactor) }))
	return j.wait(ctx, "taking in the upload of", ref)
}

// redactorOf redacts an upload as the workload's own traffic is, and leaves what is redacted already.
func redactorOf(request *trafficpb.BuildUploadRequest) (*redact.Redactor, error) {
	var settings wiring.RedactionSettings
	if text := request.GetRedaction(); text != "" {
		if err := json.Unmarshal([]byte(text), &settings); err != nil {
			return nil, err
		}
	}
	redactor, err := redact.New(request.GetRedactionKey()).With(settings)
	if err != nil {
		return nil, err
	}
	return redactor.KeepingTokens(), nil
}

func (s *Snapshots) buildUpload(ctx context.Context, request *trafficpb.BuildUploadRequest, redactor *redact.Redactor) (*trafficpb.Manifest, error) {
	ref := request.GetSnapshot()
	if manifest, err := s.built(ctx, ref); manifest != nil || err != nil {
		return manifest, err
	}
	if err := s.builds.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer s.builds.Release(1)
	u, err := s.staging.take(ref)
	if err != nil {
		return nil, err
	}
	defer u.release()
	if !u.state.Complete {
		return nil, status.Error(codes.FailedPrecondition, "the upload is not complete")
	}
	u.state.Workload, u.state.Port = request.GetWorkload(), request.GetPort()
	places, err := u.index(ctx, ref)
	if err != nil {
		return nil, err
	}
	// Inbound records come first, as in a cut, since they cause outbound ones.
	slices.SortStableFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.direction, b.direction))
	})
	summary := newSummary(ref, request.GetWorkload(), window{places[0].start, places[len(places)-1].start + 1})
	linker := newLinker(window{math.MinInt64, math.MaxInt64}, nil)
	records := u.records(places, ref, redactor)
	summary.manifest.Redaction, summary.manifest.DescriptorSet = request.GetRedaction(), request.GetDescriptorSet()
	manifest, err := write(ctx, s.bucket, summary, linker.link(records), fileBytes)
	if err != nil {
		return nil, err
	}
	return manifest, u.remove()
}

// records goes through the records in the order of the places.
func (u *upload) records(places []place, ref *trafficpb.ObjectRef, redactor *redact.Redactor) iter.Seq2[*trafficpb.Record, error] {
	return func(yield func(*trafficpb.Record, error) bool) {
		file, err := os.Open(u.content())
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		archive, err := isArchive(file)
		for _, p := range places {
			var record *trafficpb.Record
			if err == nil {
				record, err = u.recordAt(file, p, archive, ref)
			}
			if err != nil {
				yield(nil, fmt.Errorf("reading the upload: %w", err))
				return
			}
			redactor.Record(record)
			if !yield(record, nil) {
				return
			}
		}
	}
}

func (u *upload) recordAt(file *os.File, p place, archive bool, ref *trafficpb.ObjectRef) (*trafficpb.Record, error) {
	raw := make([]byte, p.length)
	if _, err := io.ReadFull(io.NewSectionReader(file, p.offset, p.length), raw); err != nil {
		return nil, err
	}
	return u.parse(raw, archive, ref)
}

// deleteUpload removes what was uploaded for a snapshot that is deleted.
func (s *Snapshots) deleteUpload(ref *trafficpb.ObjectRef) error {
	u, err := s.staging.take(ref)
	if status.Code(err) == codes.NotFound {
		return nil // it is another one's
	}
	if err != nil {
		return err
	}
	defer u.release()
	return u.remove()
}
