// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/report"
)

// until steps with a restart each time until the replay is complete.
func (w *world) until(limit int) {
	w.Helper()
	for range limit {
		w.mustStep(1)
		if isComplete(w.get()) {
			return
		}
	}
	w.Fatalf("the replay is not complete: %+v", w.get().Status.Conditions)
}

func TestEndings(t *testing.T) {
	empty := recorded()
	empty.Status.Inbound = 0
	foreign := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Name: "run", Namespace: shop, UID: "foreign"}}
	stuck := &v1alpha1.Environment{ObjectMeta: metav1.ObjectMeta{Name: "stuck", Namespace: shop}, Status: v1alpha1.EnvironmentStatus{
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: "UnknownMocks", Message: "no slice matches"}},
	}}
	tests := map[string]struct {
		spec    v1alpha1.TrafficReplaySpec
		objects []runtime.Object
		reason  string
		message string
	}{
		"no snapshot":    {reason: reasonNoSnapshot, message: `"recorded"`},
		"empty snapshot": {objects: []runtime.Object{empty}, reason: reasonEmptySnapshot, message: "nothing to replay"},
		"no profile": {objects: []runtime.Object{recorded()}, reason: reasonNoProfile, message: `"strict"`,
			spec: v1alpha1.TrafficReplaySpec{ProfileName: "strict"}},
		"somebody else's environment": {objects: []runtime.Object{recorded(), foreign}, reason: reasonTaken, message: `"run"`},
		"no standing environment": {objects: []runtime.Object{recorded()}, reason: reasonNoEnvironment, message: `"standing"`,
			spec: v1alpha1.TrafficReplaySpec{Environment: &v1alpha1.ReplayEnvironment{Name: "standing"}}},
		"an environment that never gets ready": {objects: []runtime.Object{recorded(), stuck}, reason: reasonEnvFailed, message: "no slice matches",
			spec: v1alpha1.TrafficReplaySpec{Environment: &v1alpha1.ReplayEnvironment{Name: "stuck"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.spec, test.objects...)
			w.until(4)
			w.expect(v1alpha1.ReplayPassed, metav1.ConditionFalse, test.reason)
			if message := w.condition(v1alpha1.ReplayPassed).Message; !strings.Contains(message, test.message) {
				t.Errorf("message is %q, want %q in it", message, test.message)
			}
			w.mustStep(1)
			w.expect(v1alpha1.ReplayRestored, metav1.ConditionTrue, reasonRestored)
			if test.reason == reasonTaken && !w.environmentUp("run") {
				t.Error("somebody else's environment was deleted")
			}
		})
	}
}

// running is a world in which the generator runs.
func running(t *testing.T, spec v1alpha1.TrafficReplaySpec) *world {
	t.Helper()
	w := newWorld(t, spec, recorded())
	w.mustStep(3)
	w.environmentUp("run")
	w.mustStep(1)
	w.job(jobRunning())
	w.mustStep(1)
	w.expect(v1alpha1.ReplayRunning, metav1.ConditionTrue, reasonReplaying)
	return w
}

func TestVerdictIsTheReports(t *testing.T) {
	differing := passingReport()
	differing.Passed, differing.Reason, differing.Message = false, report.ReasonGoalsFailed, "3 of 10 responses differ: GET /version (3)"
	differing.Summary.Differing = 3
	invalid := passingReport() // which contradicts itself
	invalid.Invalid = []report.Invalid{{Reason: report.ReasonLate, Message: "late"}}
	for name, document := range map[string]*report.Report{"differing": differing, "invalid": invalid} {
		t.Run(name, func(t *testing.T) {
			w := running(t, v1alpha1.TrafficReplaySpec{})
			w.handOver(document)
			w.job(jobEnded(batchv1.JobComplete))
			w.until(1)
			w.expect(v1alpha1.ReplayPassed, metav1.ConditionFalse, document.Reason)
			if message := w.condition(v1alpha1.ReplayPassed).Message; message != document.Message {
				t.Errorf("message is %q, want the report's", message)
			}
		})
	}
}

func TestGeneratorWithoutReport(t *testing.T) {
	w := running(t, v1alpha1.TrafficReplaySpec{})
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "run-generator-1", Namespace: shop, Labels: map[string]string{v1alpha1.LabelReplay: "run", v1alpha1.LabelComponent: "generator"}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "generator", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}},
		}}},
	}
	if _, err := w.cluster.Kube.CoreV1().Pods(shop).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.job(jobEnded(batchv1.JobFailed))
	w.until(1)
	w.expect(v1alpha1.ReplayPassed, metav1.ConditionFalse, reasonGenerator)
	if message := w.condition(v1alpha1.ReplayPassed).Message; !strings.Contains(message, "run-generator-1: container generator: OOMKilled") {
		t.Errorf("message is %q", message)
	}
}

func TestJobDeletedByHand(t *testing.T) {
	w := running(t, v1alpha1.TrafficReplaySpec{})
	if err := w.cluster.Kube.BatchV1().Jobs(shop).Delete(t.Context(), "run-generator", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.until(1)
	w.expect(v1alpha1.ReplayPassed, metav1.ConditionFalse, reasonGenerator)
}

func TestTimeout(t *testing.T) {
	minute := v1alpha1.TrafficReplaySpec{Timeout: &metav1.Duration{Duration: time.Minute}}
	t.Run("before the environment is ready", func(t *testing.T) {
		w := newWorld(t, minute, recorded())
		w.mustStep(3)
		w.clock.SetTime(begun.Add(time.Minute))
		w.until(1)
		w.expect(v1alpha1.ReplayPassed, metav1.ConditionFalse, reasonTimeout)
	})
	t.Run("of a generator that is silent", func(t *testing.T) {
		w := running(t, minute)
		w.clock.SetTime(begun.Add(time.Minute + grace - time.Second))
		w.mustStep(1)
		w.expect(v1alpha1.ReplayComplete, metav1.ConditionFalse, reasonPreparing)
		w.clock.SetTime(begun.Add(time.Minute + grace))
		w.until(1)
		w.expect(v1alpha1.ReplayPassed, metav1.ConditionFalse, reasonTimeout)
	})
	t.Run("of a forwarder that is gone", func(t *testing.T) {
		w := running(t, minute)
		w.job(jobEnded(batchv1.JobComplete))
		if err := w.conn.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.step(); err == nil {
			t.Error("want an error, so that it is tried again")
		}
		w.clock.SetTime(begun.Add(time.Minute + grace))
		w.until(1)
		w.expect(v1alpha1.ReplayPassed, metav1.ConditionFalse, reasonTimeout)
	})
}

func TestMocksOnlyHasNoVerdict(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficReplaySpec{Mode: v1alpha1.ModeMocksOnly, Timeout: &metav1.Duration{Duration: time.Minute}}, recorded())
	w.mustStep(3)
	w.environmentUp("run")
	w.mustStep(1)
	w.expect(v1alpha1.ReplayRunning, metav1.ConditionTrue, reasonServing)
	w.clock.SetTime(begun.Add(time.Minute))
	w.until(1)
	w.expect(v1alpha1.ReplayComplete, metav1.ConditionTrue, reasonNotJudged)
	w.expect(v1alpha1.ReplayPassed, metav1.ConditionUnknown, reasonNotJudged)
	w.mustStep(2)
	w.expectNothingLeft()
}

func TestLoadOnlyNeedsNoEnvironment(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficReplaySpec{Mode: v1alpha1.ModeLoadOnly, Target: &v1alpha1.ReplayTarget{URL: "http://staging"}}, recorded())
	w.mustStep(3)
	if w.environmentUp("run") {
		t.Error("an environment was made")
	}
	configMap, err := w.cluster.Kube.CoreV1().ConfigMaps(shop).Get(t.Context(), "run-generator", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if told := configMap.Data["generator.json"]; !strings.Contains(told, `"address":"staging:80"`) || strings.Contains(told, `"control"`) {
		t.Errorf("settings are %s", told)
	}
	w.handOver(passingReport())
	w.job(jobEnded(batchv1.JobComplete))
	w.until(1)
	w.expect(v1alpha1.ReplayPassed, metav1.ConditionTrue, report.ReasonGoalsHold)
}

func TestStandingEnvironmentStays(t *testing.T) {
	standing := &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Name: "standing", Namespace: shop, UID: "standing-uid"},
		Spec:       v1alpha1.EnvironmentSpec{Workloads: []v1alpha1.EnvironmentWorkload{{Ref: v1alpha1.WorkloadReference{Name: "front"}}}},
	}
	w := newWorld(t, v1alpha1.TrafficReplaySpec{Environment: &v1alpha1.ReplayEnvironment{Name: "standing"}}, recorded(), standing)
	w.environmentUp("standing")
	w.mustStep(3)
	w.handOver(passingReport())
	w.job(jobEnded(batchv1.JobComplete))
	w.until(1)
	w.mustStep(2)
	w.expect(v1alpha1.ReplayRestored, metav1.ConditionTrue, reasonRestored)
	if !w.environmentUp("standing") {
		t.Error("the standing environment was deleted")
	}
}
