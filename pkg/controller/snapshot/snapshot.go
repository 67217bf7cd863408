// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package snapshot has the forwarder cut snapshots, or make them of uploads, and delete them.
package snapshot

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/finalize"
	apply "github.com/restage-dev/restage/pkg/generated/applyconfiguration/replay/v1alpha1"
	clientset "github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	listers "github.com/restage-dev/restage/pkg/generated/listers/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Finalizer keeps a snapshot until the forwarder has deleted its traffic.
const Finalizer = "replay.restage.dev/traffic"

const (
	fieldManager = "restage-snapshot"
	// settle is how long after its window ends a snapshot is cut: proxies hand over what they hold every 250 ms, and an exchange
	// whose request is in the window takes its time to end.
	settle       = 2 * time.Second
	buildTimeout = 10 * time.Minute
)

// Reasons of the Ready condition.
const (
	reasonBuilt    = "Built"
	reasonEmpty    = "Empty" // with status True: there is a snapshot, but nothing in it to replay
	reasonWaiting  = "WaitingForTraffic"
	reasonBuilding = "Building"
	reasonFailed   = "BuildFailed"
	reasonUploaded = "Uploaded"
	reasonAwaiting = "AwaitingUpload"
)

// Reconciler cuts snapshots. Its keys are TrafficSnapshots.
type Reconciler struct {
	Kube      kubernetes.Interface
	Client    clientset.Interface
	Snapshots listers.TrafficSnapshotLister
	Captures  listers.TrafficCaptureLister
	Forwarder trafficpb.SnapshotsClient
	// RedactionKey returns the key of a namespace, with which secrets of uploads are replaced.
	RedactionKey func(ctx context.Context, namespace string) ([]byte, error)
	Events       record.EventRecorder
	Clock        clock.PassiveClock
}

// Reconcile cuts the snapshot once its window is over. A snapshot that was cut never changes.
func (r *Reconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	cached, err := r.Snapshots.TrafficSnapshots(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	snapshot := cached.DeepCopy()
	if snapshot.DeletionTimestamp != nil {
		return 0, r.finish(ctx, snapshot)
	}
	if meta.IsStatusConditionTrue(snapshot.Status.Conditions, v1alpha1.ConditionReady) {
		return 0, nil
	}
	if !finalize.Has(snapshot, Finalizer) {
		return 0, r.hold(ctx, snapshot) // goes on with the event of the update
	}
	if snapshot.Spec.Upload != nil {
		return r.takeUpload(ctx, cached, snapshot)
	}
	from, to := Window(snapshot)
	if wait := to.Add(settle).Sub(r.Clock.Now()); wait > 0 {
		return wait, r.updateStatus(ctx, cached, snapshot, condition(metav1.ConditionFalse, reasonWaiting,
			fmt.Sprintf("requests until %s are still being recorded", to.UTC().Format(time.RFC3339))))
	}
	return 0, r.build(ctx, cached, snapshot, from, to)
}

// hold puts the finalizer on and writes nothing else, so that it neither meets nor undoes a user's edit that the cache does not hold yet.
func (r *Reconciler) hold(ctx context.Context, snapshot *v1alpha1.TrafficSnapshot) error {
	config := apply.TrafficSnapshot(snapshot.Name, snapshot.Namespace).WithUID(snapshot.UID).WithFinalizers(Finalizer)
	_, err := r.Client.ReplayV1alpha1().TrafficSnapshots(snapshot.Namespace).Apply(ctx, config, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	return err
}

// Window returns the times between which requests must have begun, the first inclusive, the second exclusive.
func Window(snapshot *v1alpha1.TrafficSnapshot) (from, to time.Time) {
	to = snapshot.CreationTimestamp.Time
	if snapshot.Spec.EndTime != nil {
		to = snapshot.Spec.EndTime.Time
	}
	switch {
	case snapshot.Spec.Last != nil:
		return to.Add(-snapshot.Spec.Last.Duration), to
	case snapshot.Spec.StartTime != nil:
		return snapshot.Spec.StartTime.Time, to
	default: // not admitted by the API server
		return to, to
	}
}

func (r *Reconciler) build(ctx context.Context, cached, snapshot *v1alpha1.TrafficSnapshot, from, to time.Time) error {
	how, err := r.reading(ctx, snapshot)
	if err != nil {
		return r.fail(ctx, cached, snapshot, "looking how the traffic is read", err)
	}
	call, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	manifest, err := r.Forwarder.Build(call, &trafficpb.BuildRequest{
		Snapshot: objectRef(snapshot),
		Workload: snapshot.Spec.WorkloadRef.Name,
		From:     from.UnixNano(),
		To:       to.UnixNano(),

		Redaction:     how.redaction,
		DescriptorSet: how.descriptorSet,
	})
	if err != nil {
		return r.fail(ctx, cached, snapshot, "cutting the snapshot", err)
	}
	fillStatus(&snapshot.Status, manifest)
	built := condition(metav1.ConditionTrue, reasonBuilt,
		fmt.Sprintf("%d inbound and %d outbound calls", manifest.GetInbound(), manifest.GetOutbound()))
	if manifest.GetInbound() == 0 {
		built = condition(metav1.ConditionTrue, reasonEmpty, fmt.Sprintf("no request to %s was recorded between %s and %s: there is nothing to replay",
			snapshot.Spec.WorkloadRef.Name, from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339)))
	}
	return r.updateStatus(ctx, cached, snapshot, built)
}

// fail writes down why there is no snapshot, and returns the error so that it is tried again.
func (r *Reconciler) fail(ctx context.Context, cached, snapshot *v1alpha1.TrafficSnapshot, doing string, err error) error {
	reason := reasonFailed
	if status.Code(err) == codes.Unavailable {
		reason = reasonBuilding
	}
	failed := condition(metav1.ConditionFalse, reason, fmt.Sprintf("%s: %s", doing, status.Convert(err).Message()))
	if err := r.updateStatus(ctx, cached, snapshot, failed); err != nil {
		klog.FromContext(ctx).Error(err, "The status of the snapshot was not written")
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// finish has the traffic of a deleted snapshot deleted and lets the snapshot go.
func (r *Reconciler) finish(ctx context.Context, snapshot *v1alpha1.TrafficSnapshot) error {
	if !finalize.Has(snapshot, Finalizer) {
		return nil
	}
	done, err := finalize.Remote(ctx, snapshot.DeletionTimestamp, r.Clock.Now(), func(ctx context.Context) error {
		_, err := r.Forwarder.Delete(ctx, objectRef(snapshot))
		return err
	})
	if !done {
		return fmt.Errorf("deleting the snapshot's traffic: %w", err)
	}
	if err != nil {
		klog.FromContext(ctx).Error(err, "The traffic of a deleted snapshot stays in storage", "path", fmt.Sprintf("snapshots/%s/%s/", snapshot.Namespace, snapshot.UID))
		r.Events.Eventf(snapshot, corev1.EventTypeWarning, "TrafficLeft", "The snapshot's traffic stays in storage under snapshots/%s/%s/: %v", snapshot.Namespace, snapshot.UID, err)
	}
	snapshot.Finalizers = finalize.Without(snapshot, Finalizer)
	_, err = r.Client.ReplayV1alpha1().TrafficSnapshots(snapshot.Namespace).Update(ctx, snapshot, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (r *Reconciler) updateStatus(ctx context.Context, cached, snapshot *v1alpha1.TrafficSnapshot, c metav1.Condition) error {
	c.ObservedGeneration = snapshot.Generation
	snapshot.Status.ObservedGeneration = snapshot.Generation
	changed := meta.SetStatusCondition(&snapshot.Status.Conditions, c)
	if equality.Semantic.DeepEqual(cached.Status, snapshot.Status) {
		return nil
	}
	_, err := r.Client.ReplayV1alpha1().TrafficSnapshots(snapshot.Namespace).UpdateStatus(ctx, snapshot, metav1.UpdateOptions{})
	if err == nil && changed && c.Reason != reasonWaiting && c.Reason != reasonAwaiting {
		kind := corev1.EventTypeNormal
		if c.Status == metav1.ConditionFalse || c.Reason == reasonEmpty {
			kind = corev1.EventTypeWarning
		}
		r.Events.Event(snapshot, kind, c.Reason, c.Message)
	}
	return err
}

func condition(value metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.ConditionReady, Status: value, Reason: reason, Message: message}
}

func objectRef(object metav1.Object) *trafficpb.ObjectRef {
	return &trafficpb.ObjectRef{Namespace: object.GetNamespace(), Name: object.GetName(), Uid: string(object.GetUID())}
}
