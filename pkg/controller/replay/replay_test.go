// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// TestReplay walks through a whole replay with a restart at every step.
func TestReplay(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficReplaySpec{BuildTag: "1234"}, recorded())
	ctx := t.Context()

	w.mustStep(2)
	w.expect(v1alpha1.ReplayPassed, metav1.ConditionUnknown, reasonPreparing)
	w.mustStep(2)
	w.expect(v1alpha1.ReplayEnvironmentReady, metav1.ConditionFalse, reasonEnvPending)
	env, err := w.cluster.Replay.ReplayV1alpha1().Environments(shop).Get(ctx, "run", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !metav1.IsControlledBy(env, w.get()) || env.Labels[v1alpha1.LabelReplay] != "run" {
		t.Errorf("the environment is %+v", env.ObjectMeta)
	}
	if diff := cmp.Diff(v1alpha1.EnvironmentSpec{
		SnapshotName: "recorded",
		Workloads:    []v1alpha1.EnvironmentWorkload{{Ref: v1alpha1.WorkloadReference{Name: "front"}}},
		Responder:    v1alpha1.ResponderProfile{OnMiss: v1alpha1.MissFail, Latency: v1alpha1.LatencyRecorded},
	}, env.Spec); diff != "" {
		t.Errorf("environment: %s", diff)
	}

	w.environmentUp("run")
	w.clock.SetTime(begun.Add(time.Minute))
	w.mustStep(2)
	w.expect(v1alpha1.ReplayEnvironmentReady, metav1.ConditionTrue, "Ready")
	w.expect(v1alpha1.ReplayRunning, metav1.ConditionFalse, reasonStarting)
	w.checkGenerator()

	w.job(jobRunning())
	replays := trafficpb.NewReplaysClient(w.conn)
	if _, err := replays.PutProgress(ctx, &trafficpb.PutProgressRequest{Replay: objectRef(w.get()), Progress: &trafficpb.Progress{Sent: 4, Total: 10, Rate: 2}}); err != nil {
		t.Fatal(err)
	}
	again, err := w.step()
	if err != nil || again != pollInterval {
		t.Errorf("again %v, %v; want to poll", again, err)
	}
	w.expect(v1alpha1.ReplayRunning, metav1.ConditionTrue, reasonReplaying)
	if diff := cmp.Diff(&v1alpha1.ReplayProgress{Sent: 4, Total: 10, Percent: 40, Rate: 2}, w.get().Status.Progress); diff != "" {
		t.Errorf("progress: %s", diff)
	}

	w.handOver(passingReport())
	w.job(jobEnded(batchv1.JobComplete))
	w.mustStep(1)
	w.expect(v1alpha1.ReplayComplete, metav1.ConditionTrue, report.ReasonGoalsHold)
	w.expect(v1alpha1.ReplayPassed, metav1.ConditionTrue, report.ReasonGoalsHold)
	w.expect(v1alpha1.ReplayRunning, metav1.ConditionFalse, reasonEnded)
	w.expect(v1alpha1.ReplayRestored, metav1.ConditionFalse, reasonRestoring)
	summary := w.get().Status.Summary
	if summary == nil || summary.Requests != 10 || summary.Matches.Percent != "100.00" || summary.Replayed.P99.Duration != 3500*time.Microsecond {
		t.Errorf("summary is %+v", summary)
	}

	w.checkClearing()
}

// checkGenerator compares what the generator is told and may do.
func (w *world) checkGenerator() {
	w.Helper()
	ctx := w.Context()
	configMap, err := w.cluster.Kube.CoreV1().ConfigMaps(shop).Get(ctx, "run-generator", metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	var told wiring.ReplaySettings
	if err := json.Unmarshal([]byte(configMap.Data["generator.json"]), &told); err != nil {
		w.Fatal(err)
	}
	if diff := cmp.Diff(wiring.ReplaySettings{
		Snapshot:       wiring.Object{Namespace: shop, Name: "recorded", UID: "recorded-uid"},
		Replay:         wiring.Object{Namespace: shop, Name: "run", UID: "run-uid"},
		BuildTag:       "1234",
		Tests:          []wiring.TestTarget{{Key: "front:9898", Address: "run-front.shop.svc:9898"}},
		Control:        "10.96.0.7:4142",
		Speed:          1,
		RequestTimeout: 30,
		Timeout:        9 * 60, // a minute of ten has passed
		Headers:        []string{"Content-Type", "Location"},
		LearnNoise:     true,
	}, told); diff != "" {
		w.Errorf("settings of the generator: %s", diff)
	}
	role, err := w.cluster.Kube.RbacV1().Roles(shop).Get(ctx, "run-generator", metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	if diff := cmp.Diff([]rbacv1.PolicyRule{
		{APIGroups: []string{"replay.restage.dev"}, Resources: []string{"trafficsnapshots/records"}, ResourceNames: []string{"recorded"}, Verbs: []string{"get"}},
		{APIGroups: []string{"replay.restage.dev"}, Resources: []string{"trafficreplays/report", "trafficreplays/log"}, ResourceNames: []string{"run"}, Verbs: []string{"update"}},
	}, role.Rules); diff != "" {
		w.Errorf("rights of the generator: %s", diff)
	}
	job, err := w.cluster.Kube.BatchV1().Jobs(shop).Get(ctx, "run-generator", metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	if *job.Spec.BackoffLimit != 2 || job.Spec.Template.Spec.ServiceAccountName != "run-generator" || !metav1.IsControlledBy(job, w.get()) {
		w.Errorf("the Job is %+v", job)
	}
}

// checkClearing keeps a pod in the way of the end.
func (w *world) checkClearing() {
	w.Helper()
	ctx := w.Context()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "slow", Namespace: shop, Labels: map[string]string{v1alpha1.LabelEnvironment: "run"}}}
	if _, err := w.cluster.Kube.CoreV1().Pods(shop).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		w.Fatal(err)
	}
	w.mustStep(2)
	w.expect(v1alpha1.ReplayRestored, metav1.ConditionFalse, reasonRestoring)
	if message := w.condition(v1alpha1.ReplayRestored).Message; !strings.Contains(message, "Pod slow") {
		w.Errorf("Restored says %q, want the pod's name", message)
	}
	if err := w.cluster.Kube.CoreV1().Pods(shop).Delete(ctx, "slow", metav1.DeleteOptions{}); err != nil {
		w.Fatal(err)
	}
	w.mustStep(1)
	w.expect(v1alpha1.ReplayRestored, metav1.ConditionTrue, reasonRestored)
	w.expectNothingLeft()
	w.expect(v1alpha1.ReplayPassed, metav1.ConditionTrue, report.ReasonGoalsHold)
}

func (w *world) expectNothingLeft() {
	w.Helper()
	ctx, kube, name := w.Context(), w.cluster.Kube, "run-generator"
	_, environment := w.cluster.Replay.ReplayV1alpha1().Environments(shop).Get(ctx, "run", metav1.GetOptions{})
	_, job := kube.BatchV1().Jobs(shop).Get(ctx, name, metav1.GetOptions{})
	_, configMap := kube.CoreV1().ConfigMaps(shop).Get(ctx, name, metav1.GetOptions{})
	_, account := kube.CoreV1().ServiceAccounts(shop).Get(ctx, name, metav1.GetOptions{})
	_, role := kube.RbacV1().Roles(shop).Get(ctx, name, metav1.GetOptions{})
	_, binding := kube.RbacV1().RoleBindings(shop).Get(ctx, name, metav1.GetOptions{})
	for kind, err := range map[string]error{"Environment": environment, "Job": job, "ConfigMap": configMap, "ServiceAccount": account, "Role": role, "RoleBinding": binding} {
		if !apierrors.IsNotFound(err) {
			w.Errorf("%s is left: %v", kind, err)
		}
	}
}

func TestReportGoesWithTheReplay(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficReplaySpec{}, recorded())
	w.mustStep(1)
	w.handOver(passingReport())
	replay := w.get()
	replay.DeletionTimestamp = &metav1.Time{Time: begun}
	if err := w.cluster.Replay.Tracker().Update(v1alpha1.SchemeGroupVersion.WithResource("trafficreplays"), replay, shop); err != nil {
		t.Fatal(err)
	}
	w.mustStep(1)
	stream, err := trafficpb.NewReplaysClient(w.conn).GetReport(t.Context(), objectRef(replay))
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.NotFound {
		t.Errorf("the report is still there: %v", err)
	}
	if finalizers := w.get().Finalizers; len(finalizers) > 0 {
		t.Errorf("finalizers are %v", finalizers)
	}
}

func TestKeepAndTimeToLive(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficReplaySpec{
		Cleanup: v1alpha1.CleanupKeep, TTLAfterFinished: &metav1.Duration{Duration: time.Hour},
	}, recorded())
	w.mustStep(3)
	w.environmentUp("run")
	w.mustStep(1)
	w.handOver(passingReport())
	w.job(jobEnded(batchv1.JobComplete))
	w.mustStep(1)
	again, err := w.step()
	if err != nil || again != time.Hour {
		t.Errorf("again %v, %v; want an hour", again, err)
	}
	w.expect(v1alpha1.ReplayRestored, metav1.ConditionFalse, reasonKept)
	if !w.environmentUp("run") || !w.job(jobEnded(batchv1.JobComplete)) {
		t.Error("the environment or the Job was deleted")
	}
	w.clock.SetTime(begun.Add(time.Hour))
	w.mustStep(1)
	_, err = w.cluster.Replay.ReplayV1alpha1().TrafficReplays(shop).Get(t.Context(), "run", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the replay is still there: %v", err)
	}
}
