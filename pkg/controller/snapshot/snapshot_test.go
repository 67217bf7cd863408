// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/controller/credentials"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const shop = "shop"

// created is when the snapshots of these tests were made.
var created = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// world is a cluster, a real forwarder and a time.
type world struct {
	*testing.T
	cluster *controllertest.Cluster
	conn    *grpc.ClientConn
	clock   *clocktesting.FakePassiveClock
}

func newWorld(t *testing.T, spec v1alpha1.TrafficSnapshotSpec) *world {
	w := &world{T: t, cluster: controllertest.New(), conn: controllertest.Forwarder(t, shop), clock: clocktesting.NewFakePassiveClock(created)}
	spec.WorkloadRef = v1alpha1.WorkloadReference{Name: "front"}
	_, err := w.cluster.Replay.ReplayV1alpha1().TrafficSnapshots(shop).Create(t.Context(), &v1alpha1.TrafficSnapshot{
		ObjectMeta: metav1.ObjectMeta{Name: "monday", Namespace: shop, CreationTimestamp: metav1.NewTime(created)},
		Spec:       spec,
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// step runs a new reconciler on new caches once.
func (w *world) step() (again time.Duration, err error) {
	w.Helper()
	caches := w.cluster.Caches(w.T)
	keys := &credentials.Reconciler{Kube: w.cluster.Kube, ConfigMaps: caches.Kube.Core().V1().ConfigMaps().Lister().ConfigMaps("restage-system")}
	r := &Reconciler{
		Kube:         w.cluster.Kube,
		Client:       w.cluster.Replay,
		Snapshots:    caches.Replay.TrafficSnapshots().Lister(),
		Captures:     caches.Replay.TrafficCaptures().Lister(),
		Forwarder:    trafficpb.NewSnapshotsClient(w.conn),
		RedactionKey: keys.RedactionKey,
		Events:       record.NewFakeRecorder(100),
		Clock:        w.clock,
	}
	w.cluster.Acting(w.T, func() {
		again, err = r.Reconcile(w.Context(), types.NamespacedName{Namespace: shop, Name: "monday"})
	})
	return again, err
}

func (w *world) get() *v1alpha1.TrafficSnapshot {
	w.Helper()
	snapshot, err := w.cluster.Replay.ReplayV1alpha1().TrafficSnapshots(shop).Get(w.Context(), "monday", metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return snapshot
}

func (w *world) mustStep() {
	w.Helper()
	if _, err := w.step(); err != nil {
		w.Fatal(err)
	}
}

func (w *world) expectReady(value metav1.ConditionStatus, reason string) {
	w.Helper()
	condition := meta.FindStatusCondition(w.get().Status.Conditions, v1alpha1.ConditionReady)
	if condition == nil || condition.Status != value || condition.Reason != reason {
		w.Errorf("Ready is %+v, want %s, %s", condition, value, reason)
	}
}

func TestSnapshotIsCut(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficSnapshotSpec{Last: &metav1.Duration{Duration: 15 * time.Minute}})
	first := created.Add(-10 * time.Minute)
	controllertest.Push(t, w.conn,
		controllertest.Exchange(1, trafficpb.Direction_DIRECTION_INBOUND, "front", 9898, created.Add(-time.Hour)), // before the window
		controllertest.Exchange(2, trafficpb.Direction_DIRECTION_INBOUND, "front", 9898, first),
		controllertest.Exchange(3, trafficpb.Direction_DIRECTION_OUTBOUND, "back", 9898, first.Add(500*time.Microsecond)),
		controllertest.Exchange(4, trafficpb.Direction_DIRECTION_INBOUND, "front", 9898, first.Add(time.Minute)),
		controllertest.Exchange(5, trafficpb.Direction_DIRECTION_INBOUND, "front", 9898, created), // after it
	)
	w.mustStep() // the finalizer
	if diff := cmp.Diff([]string{Finalizer}, w.get().Finalizers); diff != "" {
		t.Fatal(diff)
	}
	again, err := w.step()
	if err != nil || again <= 0 {
		t.Fatalf("again %v, %v; want to wait for the window to settle", again, err)
	}
	w.expectReady(metav1.ConditionFalse, reasonWaiting)
	w.clock.SetTime(created.Add(again))
	w.mustStep()
	w.expectReady(metav1.ConditionTrue, reasonBuilt)

	got := w.get().Status
	if got.Inbound != 2 || got.Outbound != 1 || got.SizeBytes == 0 || !strings.HasPrefix(got.ContentHash, "sha256:") {
		t.Errorf("status is %+v", got)
	}
	if !got.StartTime.Time.Equal(first) || !got.EndTime.Time.Equal(first.Add(time.Minute)) {
		t.Errorf("requests from %v to %v, want %v and a minute later", got.StartTime, got.EndTime, first)
	}
	if diff := cmp.Diff([]v1alpha1.Slice{
		{Key: "back:9898", Direction: v1alpha1.DirectionOutbound, Protocol: "http/1.1", Records: 1},
		{Key: "front:9898", Direction: v1alpha1.DirectionInbound, Protocol: "http/1.1", Records: 2},
	}, got.Slices, cmp.Transformer("sorted", bySliceKey)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&v1alpha1.Completeness{Records: 3, Percent: "100.00"}, got.Completeness); diff != "" {
		t.Error(diff)
	}
}

func bySliceKey(list []v1alpha1.Slice) map[string]v1alpha1.Slice {
	byKey := map[string]v1alpha1.Slice{}
	for _, slice := range list {
		byKey[slice.Key] = slice
	}
	return byKey
}

func TestEmptySnapshotSaysSo(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficSnapshotSpec{StartTime: &metav1.Time{Time: created.Add(-time.Hour)}, EndTime: &metav1.Time{Time: created.Add(-time.Minute)}})
	w.mustStep()
	w.mustStep()
	w.expectReady(metav1.ConditionTrue, reasonEmpty)
	if message := w.get().Status.Conditions[0].Message; !strings.Contains(message, "nothing to replay") {
		t.Errorf("message is %q", message)
	}
}

func TestWindowInTheFutureIsWaitedFor(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficSnapshotSpec{StartTime: &metav1.Time{Time: created}, EndTime: &metav1.Time{Time: created.Add(time.Minute)}})
	w.mustStep()
	again, err := w.step()
	if err != nil || again < time.Minute || again > 2*time.Minute {
		t.Errorf("again %v, %v; want a little more than a minute", again, err)
	}
}

func (w *world) markDeleted(at time.Time) {
	w.Helper()
	snapshot := w.get()
	snapshot.DeletionTimestamp = &metav1.Time{Time: at}
	if err := w.cluster.Replay.Tracker().Update(v1alpha1.SchemeGroupVersion.WithResource("trafficsnapshots"), snapshot, shop); err != nil {
		w.Fatal(err)
	}
}

func TestTrafficGoesWithTheSnapshot(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficSnapshotSpec{Last: &metav1.Duration{Duration: time.Hour}})
	controllertest.Push(t, w.conn, controllertest.Exchange(1, trafficpb.Direction_DIRECTION_INBOUND, "front", 9898, created.Add(-time.Minute)))
	w.clock.SetTime(created.Add(time.Minute))
	w.mustStep()
	w.mustStep()
	w.expectReady(metav1.ConditionTrue, reasonBuilt)
	ref := objectRef(w.get())
	client := trafficpb.NewSnapshotsClient(w.conn)
	if _, err := client.GetManifest(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	w.markDeleted(created.Add(time.Minute))
	w.mustStep()
	if _, err := client.GetManifest(t.Context(), ref); status.Code(err) != codes.NotFound {
		t.Errorf("the traffic is still there: %v", err)
	}
	if finalizers := w.get().Finalizers; len(finalizers) > 0 {
		t.Errorf("finalizers are %v", finalizers)
	}
}

func TestDeletionDoesNotWaitForEverForTheForwarder(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficSnapshotSpec{Last: &metav1.Duration{Duration: time.Hour}})
	w.mustStep()
	w.markDeleted(created)
	if err := w.conn.Close(); err != nil {
		t.Fatal(err)
	}
	w.clock.SetTime(created.Add(time.Minute))
	if _, err := w.step(); err == nil || len(w.get().Finalizers) == 0 {
		t.Errorf("after a minute: %v, finalizers %v; want to try again", err, w.get().Finalizers)
	}
	w.clock.SetTime(created.Add(time.Hour))
	if _, err := w.step(); err != nil || len(w.get().Finalizers) > 0 {
		t.Errorf("after an hour: %v, finalizers %v; want the snapshot to go", err, w.get().Finalizers)
	}
}
