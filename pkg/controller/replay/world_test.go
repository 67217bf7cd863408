// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	shop      = "shop"
	responder = "10.96.0.7:4141"
)

var begun = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// world is a cluster with a snapshot, a real forwarder and a time.
type world struct {
	*testing.T
	cluster *controllertest.Cluster
	conn    *grpc.ClientConn
	clock   *clocktesting.FakePassiveClock
}

func newWorld(t *testing.T, spec v1alpha1.TrafficReplaySpec, objects ...runtime.Object) *world {
	t.Helper()
	w := &world{T: t, cluster: controllertest.New(), conn: controllertest.Forwarder(t, shop), clock: clocktesting.NewFakePassiveClock(begun)}
	w.populate(spec, objects...)
	return w
}

func (w *world) populate(spec v1alpha1.TrafficReplaySpec, objects ...runtime.Object) {
	w.Helper()
	spec.SnapshotName = "recorded"
	replay := &v1alpha1.TrafficReplay{ObjectMeta: metav1.ObjectMeta{Name: "run", Namespace: shop, UID: "run-uid", Generation: 1}, Spec: spec}
	v1alpha1.SetDefaults_TrafficReplay(replay)
	for _, object := range append(objects, replay) {
		if err := w.cluster.Replay.Tracker().Add(object); err != nil {
			w.Fatal(err)
		}
	}
}

func recorded() *v1alpha1.TrafficSnapshot {
	return &v1alpha1.TrafficSnapshot{
		ObjectMeta: metav1.ObjectMeta{Name: "recorded", Namespace: shop, UID: "recorded-uid"},
		Spec:       v1alpha1.TrafficSnapshotSpec{WorkloadRef: v1alpha1.WorkloadReference{Name: "front"}},
		Status: v1alpha1.TrafficSnapshotStatus{
			Inbound:    10,
			Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Built"}},
			Slices: []v1alpha1.Slice{
				{Key: "front:9898", Direction: v1alpha1.DirectionInbound},
				{Key: "back:9898", Direction: v1alpha1.DirectionOutbound},
			},
		},
	}
}

// step runs a new reconciler on new caches once, as after a restart.
func (w *world) step() (again time.Duration, err error) {
	w.Helper()
	caches := w.cluster.Caches(w.T)
	r := &Reconciler{
		Kube:              w.cluster.Kube,
		Client:            w.cluster.Replay,
		Replays:           caches.Replay.TrafficReplays().Lister(),
		Environments:      caches.Replay.Environments().Lister(),
		Classes:           caches.Replay.EnvironmentClasses().Lister(),
		Snapshots:         caches.Replay.TrafficSnapshots().Lister(),
		Profiles:          caches.Replay.ReplayProfiles().Lister(),
		Jobs:              caches.Kube.Batch().V1().Jobs().Lister(),
		Pods:              caches.Kube.Core().V1().Pods().Lister(),
		Forwarder:         trafficpb.NewReplaysClient(w.conn),
		EnsureCredentials: func(context.Context, string) error { return nil },
		Events:            record.NewFakeRecorder(1000),
		Clock:             w.clock,
		Options:           Options{GeneratorImage: "generator:1", ImagePullPolicy: corev1.PullIfNotPresent, Forwarder: "forwarder:4143"},
	}
	w.cluster.Acting(w.T, func() {
		again, err = r.Reconcile(w.Context(), types.NamespacedName{Namespace: shop, Name: "run"})
	})
	return again, err
}

func (w *world) mustStep(times int) {
	w.Helper()
	for range times {
		if _, err := w.step(); err != nil {
			w.Fatal(err)
		}
	}
}

func (w *world) get() *v1alpha1.TrafficReplay {
	w.Helper()
	replay, err := w.cluster.Replay.ReplayV1alpha1().TrafficReplays(shop).Get(w.Context(), "run", metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return replay
}

func (w *world) condition(kind string) metav1.Condition {
	w.Helper()
	condition := meta.FindStatusCondition(w.get().Status.Conditions, kind)
	if condition == nil {
		return metav1.Condition{}
	}
	return *condition
}

func (w *world) expect(kind string, value metav1.ConditionStatus, reason string) {
	w.Helper()
	if c := w.condition(kind); c.Status != value || c.Reason != reason || c.ObservedGeneration != 1 {
		w.Errorf("%s is %+v, want %s, %s", kind, c, value, reason)
	}
}

// environmentUp does what the environment's reconciler does in the end. It returns false when there is no environment.
func (w *world) environmentUp(name string) bool {
	w.Helper()
	environments := w.cluster.Replay.ReplayV1alpha1().Environments(shop)
	env, err := environments.Get(w.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false
	}
	if err != nil {
		w.Fatal(err)
	}
	env.Status = v1alpha1.EnvironmentStatus{
		ResponderAddress: responder,
		Endpoints:        []v1alpha1.EnvironmentEndpoint{{Workload: "front", Host: name + "-front.shop.svc", Ports: []int32{9898}}},
		Conditions:       []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Ready"}},
	}
	for i := range env.Spec.Workloads {
		v1alpha1.SetDefaults_EnvironmentWorkload(&env.Spec.Workloads[i])
	}
	if err := w.cluster.Replay.Tracker().Update(v1alpha1.SchemeGroupVersion.WithResource("environments"), env, shop); err != nil {
		w.Fatal(err)
	}
	return true
}

// job sets the status of the generator's Job. It returns false when there is no Job.
func (w *world) job(status batchv1.JobStatus) bool {
	w.Helper()
	job, err := w.cluster.Kube.BatchV1().Jobs(shop).Get(w.Context(), "run-generator", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false
	}
	if err != nil {
		w.Fatal(err)
	}
	job.Status = status
	if err := w.cluster.Kube.Tracker().Update(batchv1.SchemeGroupVersion.WithResource("jobs"), job, shop); err != nil {
		w.Fatal(err)
	}
	return true
}

func jobRunning() batchv1.JobStatus {
	return batchv1.JobStatus{Active: 1, Ready: ptr.To[int32](1)}
}

func jobEnded(kind batchv1.JobConditionType) batchv1.JobStatus {
	return batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: kind, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded"}}}
}

func passingReport() *report.Report {
	return &report.Report{
		Schema:   report.Schema,
		Replay:   wiring.Object{Namespace: shop, Name: "run", UID: "run-uid"},
		Passed:   true,
		Reason:   report.ReasonGoalsHold,
		Message:  "10 requests replayed; every goal holds",
		Outbound: &report.Outbound{},
		Summary: report.Summary{
			Summary: goal.Summary{
				Requests: 10, Replayed: goal.Latency{P50: 0.001, P90: 0.002, P99: 0.0035, Max: 0.004},
				Matches: goal.Matches{Total: 10, Exact: 9, Denoised: 1, Percent: 100}, Egress: goal.Egress{Attempted: 10, Answered: 10},
			},
			Goals: []report.GoalResult{{Name: "NoFailures", Expression: "summary.failed == 0", Passed: true}},
		},
	}
}

// handOver gives a report to the forwarder as the generator does.
func (w *world) handOver(document *report.Report) {
	w.Helper()
	data, err := document.Encode()
	if err != nil {
		w.Fatal(err)
	}
	stream, err := trafficpb.NewReplaysClient(w.conn).PutReport(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	if err := stream.Send(&trafficpb.ReportChunk{Replay: objectRef(w.get()), Data: data}); err != nil {
		w.Fatal(err)
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		w.Fatal(err)
	}
}
