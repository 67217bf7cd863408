// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	acmetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	apply "github.com/restage-dev/restage/pkg/generated/applyconfiguration/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
)

const namespace = "shop"

// watched returns a fake client and a channel that is closed once an informer watches it: a fake forgets what happened before.
func watched() (*fake.Clientset, <-chan struct{}) {
	client, begun := fake.NewClientset(), make(chan struct{})
	client.PrependWatchReactor("trafficreplays", func(action clienttesting.Action) (bool, watch.Interface, error) {
		w, err := client.Tracker().Watch(action.GetResource(), action.GetNamespace())
		close(begun)
		return true, w, err
	})
	return client, begun
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) *acmetav1.ConditionApplyConfiguration {
	return acmetav1.Condition().WithType(kind).WithStatus(status).WithReason(reason).WithMessage(message).WithLastTransitionTime(metav1.Now())
}

// The fake clients carry a whole program: it applies, an informer watches, and somebody plays the controller.
func TestVerdicts(t *testing.T) {
	for name, test := range map[string]struct {
		passed metav1.ConditionStatus
		reason string
		want   Verdict
		line   string
	}{
		"passed":    {metav1.ConditionTrue, "GoalsHold", Passed, "run: passed: so it is (12 requests, 0 failed, 3 differing)"},
		"failed":    {metav1.ConditionFalse, "GoalsFailed", Failed, "run: failed: so it is (12 requests, 0 failed, 3 differing)"},
		"timeout":   {metav1.ConditionFalse, "Timeout", CouldNotRun, "run: could not run: so it is"},
		"no result": {metav1.ConditionUnknown, "NotJudged", CouldNotRun, "run: could not run: so it is"},
	} {
		t.Run(name, func(t *testing.T) {
			client, begun := watched()
			o, err := parse([]string{"--snapshot=monday", "--name=run", "--namespace=" + namespace, "--workload=front", "--image=front:2"})
			if err != nil {
				t.Fatal(err)
			}
			if err := o.apply(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			played := make(chan error, 1)
			go func() {
				<-begun
				status := apply.TrafficReplayStatus().WithSummary(apply.ReplaySummary().WithRequests(12).WithDiffering(3)).
					WithConditions(condition(v1alpha1.ReplayComplete, metav1.ConditionTrue, test.reason, "so it is"),
						condition(v1alpha1.ReplayPassed, test.passed, test.reason, "so it is"))
				_, err := client.ReplayV1alpha1().TrafficReplays(namespace).ApplyStatus(t.Context(),
					apply.TrafficReplay("run", namespace).WithStatus(status), metav1.ApplyOptions{FieldManager: "controller"})
				played <- err
			}()
			var out bytes.Buffer
			verdict, err := Watch(t.Context(), client, namespace, "run", &out)
			if err != nil || verdict != test.want {
				t.Errorf("verdict %d, error %v, want %d", verdict, err, test.want)
			}
			if err := <-played; err != nil {
				t.Error(err)
			}
			if lines := out.String(); !strings.HasPrefix(lines, "run: waiting to be taken up\n") || !strings.Contains(lines, test.line) {
				t.Errorf("printed %q, want %q", lines, test.line)
			}
			replay, err := client.ReplayV1alpha1().TrafficReplays(namespace).Get(t.Context(), "run", metav1.GetOptions{})
			if err != nil || replay.Spec.SnapshotName != "monday" || replay.Spec.Workloads[0].Containers[0].Image != "front:2" {
				t.Errorf("the status left of the spec %+v, error %v", replay.Spec, err)
			}
		})
	}
}

func TestReplayThatIsDeleted(t *testing.T) {
	client, begun := watched()
	o := &options{namespace: namespace, name: "run", snapshot: "monday"}
	if err := o.apply(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	go func() {
		<-begun
		_ = client.ReplayV1alpha1().TrafficReplays(namespace).Delete(t.Context(), "run", metav1.DeleteOptions{})
	}()
	verdict, err := Watch(t.Context(), client, namespace, "run", &bytes.Buffer{})
	if verdict != CouldNotRun || err == nil || !strings.Contains(err.Error(), "run was deleted") {
		t.Errorf("verdict %d, error %v", verdict, err)
	}
}

func TestBadArguments(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no snapshot":   {nil, "--snapshot is required"},
		"image alone":   {[]string{"--snapshot=a", "--image=front:2"}, `--image: "front:2" needs --workload`},
		"no time":       {[]string{"--snapshot=a", "--wait=-1s"}, "--wait: -1s must be positive"},
		"more":          {[]string{"--snapshot=a", "b"}, `unexpected argument "b"`},
		"unknown":       {[]string{"--snap=a"}, "unknown flag: --snap"},
		"no kubeconfig": {[]string{"--snapshot=a", "--kubeconfig=/does/not/exist"}, "/does/not/exist"},
	} {
		t.Run(name, func(t *testing.T) {
			verdict, err := run(t.Context(), test.args, &bytes.Buffer{})
			if verdict != CouldNotRun || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("verdict %d, error %v, want %q", verdict, err, test.want)
			}
		})
	}
}
