// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// uploadInterval is how often a snapshot that waits for its upload is looked at: nothing tells that more has come.
const uploadInterval = 3 * time.Second

// takeUpload makes the snapshot once its upload is complete.
func (r *Reconciler) takeUpload(ctx context.Context, cached, snapshot *v1alpha1.TrafficSnapshot) (time.Duration, error) {
	state, err := r.Forwarder.GetUpload(ctx, objectRef(snapshot))
	switch code := status.Code(err); {
	case code == codes.NotFound:
		return uploadInterval, r.await(ctx, cached, snapshot, "nothing was uploaded yet")
	case err != nil:
		return 0, r.fail(ctx, cached, snapshot, "looking for the upload", err)
	case !state.GetComplete():
		return uploadInterval, r.await(ctx, cached, snapshot, "the upload is not complete")
	}
	key, err := r.RedactionKey(ctx, snapshot.Namespace)
	if err != nil {
		return 0, r.fail(ctx, cached, snapshot, "reading the redaction key", err)
	}
	how, err := r.reading(ctx, snapshot)
	if err != nil {
		return 0, r.fail(ctx, cached, snapshot, "looking how the traffic is read", err)
	}
	call, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	manifest, err := r.Forwarder.BuildUpload(call, &trafficpb.BuildUploadRequest{
		Snapshot: objectRef(snapshot), Workload: snapshot.Spec.WorkloadRef.Name, RedactionKey: key, Redaction: how.redaction,
		DescriptorSet: how.descriptorSet, Port: uint32(ptr.Deref(snapshot.Spec.Upload.Port, 0)),
	})
	if err != nil {
		return 0, r.fail(ctx, cached, snapshot, "taking in the upload", err)
	}
	fillStatus(&snapshot.Status, manifest)
	taken := condition(metav1.ConditionTrue, reasonUploaded, fmt.Sprintf("%d inbound and %d outbound calls", manifest.GetInbound(), manifest.GetOutbound()))
	if manifest.GetInbound() == 0 {
		taken = condition(metav1.ConditionTrue, reasonEmpty, fmt.Sprintf("the upload has no request to %s: there is nothing to replay", snapshot.Spec.WorkloadRef.Name))
	}
	return 0, r.updateStatus(ctx, cached, snapshot, taken)
}

func (r *Reconciler) await(ctx context.Context, cached, snapshot *v1alpha1.TrafficSnapshot, how string) error {
	return r.updateStatus(ctx, cached, snapshot, condition(metav1.ConditionFalse, reasonAwaiting,
		fmt.Sprintf("%s; the content is to be put to the subresource upload, as NDJSON or HAR", how)))
}
