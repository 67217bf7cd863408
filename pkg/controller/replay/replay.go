// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package replay runs replays: it has an environment built, runs the generator against it, takes over the verdict and clears
// up. All that it knows is in API objects and in the forwarder, so that a successor picks up at any point.
package replay

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
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

// Finalizer keeps a replay until the forwarder has deleted its report.
const Finalizer = "replay.restage.dev/report"

const (
	fieldManager = "restage-replay"
	// pollInterval is how often progress is read and the clearing up looked at.
	pollInterval = time.Second
	// waitInterval is how often something that is watched is looked at without an event.
	waitInterval = 5 * time.Second
	// grace is how long after the timeout a generator may still hand over its report.
	grace = 30 * time.Second
)

// Options of generators.
type Options struct {
	GeneratorImage  string
	ImagePullPolicy corev1.PullPolicy
	// ImagePullSecrets are names of Secrets that the generator's image is pulled with.
	ImagePullSecrets []string
	Forwarder        string // host:port
	// ClusterName is written into reports; may be empty.
	ClusterName string
}

// Reconciler runs replays. Its keys are TrafficReplays.
type Reconciler struct {
	Kube         kubernetes.Interface
	Client       clientset.Interface
	Replays      listers.TrafficReplayLister
	Environments listers.EnvironmentLister
	Classes      listers.EnvironmentClassLister
	Snapshots    listers.TrafficSnapshotLister
	Profiles     listers.ReplayProfileLister
	Jobs         batchlisters.JobLister
	Pods         corelisters.PodLister
	Forwarder    trafficpb.ReplaysClient
	// EnsureCredentials makes what the generator needs in a namespace.
	EnsureCredentials func(ctx context.Context, namespace string) error
	Events            record.EventRecorder
	Clock             clock.PassiveClock
	Options           Options
}

// Reconcile takes the replay one step further and writes down how far it is.
func (r *Reconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	cached, err := r.Replays.TrafficReplays(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	replay := cached.DeepCopy()
	if replay.DeletionTimestamp != nil {
		return 0, r.forget(ctx, replay)
	}
	if !finalize.Has(replay, Finalizer) {
		return 0, r.hold(ctx, replay) // goes on with the event of the update
	}
	again, failure := r.step(ctx, replay)
	if err := r.updateStatus(ctx, cached, replay); err != nil {
		return 0, err
	}
	return again, failure
}

// hold puts the finalizer on and writes nothing else, so that it neither meets nor undoes a user's edit that the cache does not hold yet.
func (r *Reconciler) hold(ctx context.Context, replay *v1alpha1.TrafficReplay) error {
	config := apply.TrafficReplay(replay.Name, replay.Namespace).WithUID(replay.UID).WithFinalizers(Finalizer)
	_, err := r.Client.ReplayV1alpha1().TrafficReplays(replay.Namespace).Apply(ctx, config, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	return err
}

// step does what is due: begin, run, end because somebody asked for it, or clear up.
func (r *Reconciler) step(ctx context.Context, replay *v1alpha1.TrafficReplay) (time.Duration, error) {
	switch {
	case replay.Status.StartTime == nil:
		r.begin(replay)
		return 0, nil // goes on with the event of the status
	case isComplete(replay):
		return r.conclude(ctx, replay)
	}
	if e := cancelled(replay); e != nil {
		r.end(replay, e)
		return 0, nil
	}
	ending, again, err := r.run(ctx, replay)
	if ending == nil {
		ending = r.overdue(replay, err)
	}
	if ending != nil {
		r.end(replay, ending)
		return 0, nil
	}
	return again, err
}

func (r *Reconciler) begin(replay *v1alpha1.TrafficReplay) {
	replay.Status.StartTime = &metav1.Time{Time: r.Clock.Now().Truncate(time.Second)}
	set(replay, v1alpha1.ReplayRunning, metav1.ConditionFalse, reasonPreparing, "the replay was taken up")
	set(replay, v1alpha1.ReplayComplete, metav1.ConditionFalse, reasonPreparing, "the replay was taken up")
	set(replay, v1alpha1.ReplayPassed, metav1.ConditionUnknown, reasonPreparing, "there is no verdict yet")
	if replay.Spec.Mode != v1alpha1.ModeLoadOnly {
		set(replay, v1alpha1.ReplayEnvironmentReady, metav1.ConditionFalse, reasonPreparing, "the replay was taken up")
	}
	r.Events.Event(replay, corev1.EventTypeNormal, "Started", "The replay was taken up")
}

// forget has the report of a deleted replay deleted and lets the replay go. What the replay made goes by owner references.
func (r *Reconciler) forget(ctx context.Context, replay *v1alpha1.TrafficReplay) error {
	if !finalize.Has(replay, Finalizer) {
		return nil
	}
	done, err := finalize.Remote(ctx, replay.DeletionTimestamp, r.Clock.Now(), func(ctx context.Context) error {
		_, err := r.Forwarder.DeleteReport(ctx, objectRef(replay))
		return err
	})
	if !done {
		return fmt.Errorf("deleting the report: %w", err)
	}
	if err != nil {
		klog.FromContext(ctx).Error(err, "The report of a deleted replay stays in storage", "path", fmt.Sprintf("reports/%s/%s/", replay.Namespace, replay.UID))
		r.Events.Eventf(replay, corev1.EventTypeWarning, "ReportLeft", "The report stays in storage under reports/%s/%s/: %v", replay.Namespace, replay.UID, err)
	}
	replay.Finalizers = finalize.Without(replay, Finalizer)
	_, err = r.Client.ReplayV1alpha1().TrafficReplays(replay.Namespace).Update(ctx, replay, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// updateStatus writes the status if it has changed, and tells of each condition that has.
func (r *Reconciler) updateStatus(ctx context.Context, cached, replay *v1alpha1.TrafficReplay) error {
	replay.Status.ObservedGeneration = replay.Generation
	if equality.Semantic.DeepEqual(cached.Status, replay.Status) {
		return nil
	}
	_, err := r.Client.ReplayV1alpha1().TrafficReplays(replay.Namespace).UpdateStatus(ctx, replay, metav1.UpdateOptions{})
	if err != nil {
		return fmt.Errorf("writing status: %w", err)
	}
	observeEnd(cached, replay)
	for _, condition := range replay.Status.Conditions {
		was := meta.FindStatusCondition(cached.Status.Conditions, condition.Type)
		if was == nil || was.Status == condition.Status {
			continue
		}
		kind := corev1.EventTypeNormal
		if condition.Type == v1alpha1.ReplayPassed && condition.Status != metav1.ConditionTrue {
			kind = corev1.EventTypeWarning
		}
		r.Events.Eventf(replay, kind, condition.Reason, "%s is %s: %s", condition.Type, condition.Status, condition.Message)
	}
	r.log(ctx, cached, replay)
	return nil
}

func objectRef(object metav1.Object) *trafficpb.ObjectRef {
	return &trafficpb.ObjectRef{Namespace: object.GetNamespace(), Name: object.GetName(), Uid: string(object.GetUID())}
}
