// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/test/kube"
)

const (
	// recovers is how long an environment may take to be ready, from nothing or after a fault.
	recovers = 2 * time.Minute
	// settles is how long deleting may take; it waits for the garbage collector and for pods that do not want to end.
	settles = 2 * time.Minute
)

// copied has the front in an environment, its restless container awake.
const copied = `
  snapshotName: monday
  workloads:
  - ref: {name: front}
    containers: [{name: restless, env: [{name: RESTLESS, value: "yes"}]}]
`

func (m *matrix) makeEnvironment(t *testing.T, name string) {
	t.Helper()
	kube.MustApply(t, fmt.Sprintf("apiVersion: replay.restage.dev/v1alpha1\nkind: Environment\nmetadata: {name: %s, namespace: %s}\nspec:%s", name, m.namespace, copied))
}

func (m *matrix) makeReplay(t *testing.T, name string) {
	t.Helper()
	kube.MustApply(t, fmt.Sprintf("apiVersion: replay.restage.dev/v1alpha1\nkind: TrafficReplay\nmetadata: {name: %s, namespace: %s}\nspec:\n  profileName: podinfo%s", name, m.namespace, copied))
}

func (m *matrix) deleteEnvironment(t *testing.T, name string) {
	t.Helper()
	m.kubectl(t, "delete", "environment", name, "--wait=false", "--ignore-not-found")
}

// disturb does to the live workload and to the copy that stands what people and autoscalers do.
func (m *matrix) disturb(t *testing.T) {
	t.Helper()
	m.kubectl(t, "rollout", "restart", "deployment/front", "deployment/"+m.standing+"-front")
	m.kubectl(t, "scale", "deployment/"+m.standing+"-front", "--replicas=2")
	m.kubectl(t, "rollout", "status", "deployment/front", "--timeout=120s")
	m.kubectl(t, "scale", "deployment/front", "--replicas=2")
	m.kubectl(t, "rollout", "status", "deployment/front", "--timeout=120s")
	m.kubectl(t, "scale", "deployment/front", "--replicas=1")
	m.rolls++
}

// stands waits until an environment is as it should be: ready and isolated by its own account and in fact.
func (m *matrix) stands(t *testing.T, environment string) {
	t.Helper()
	kube.Eventually(t, recovers, environment+" stands", func() (bool, string) {
		env, err := m.restage.ReplayV1alpha1().Environments(m.namespace).Get(t.Context(), environment, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		for _, condition := range []string{v1alpha1.ConditionReady, v1alpha1.EnvironmentIsolated} {
			if !meta.IsStatusConditionTrue(env.Status.Conditions, condition) {
				return false, fmt.Sprintf("%+v", env.Status.Conditions)
			}
		}
		for _, name := range []string{environment + "-responder", environment + "-front"} {
			d, err := m.client.AppsV1().Deployments(m.namespace).Get(t.Context(), name, metav1.GetOptions{})
			if err != nil {
				return false, err.Error()
			}
			if s := d.Status; *d.Spec.Replicas != 1 || s.ObservedGeneration != d.Generation || s.Replicas != 1 || s.ReadyReplicas != 1 || s.UpdatedReplicas != 1 {
				return false, fmt.Sprintf("%s: %d replicas wanted, %+v", name, *d.Spec.Replicas, s)
			}
		}
		return true, ""
	})
}

// gone waits until nothing is left of an environment or a replay but the replay itself.
func (m *matrix) gone(t *testing.T, name string) {
	t.Helper()
	const kinds = "environments,deployments,replicasets,jobs,pods,services,endpointslices,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies"
	kube.Eventually(t, settles, name+" is gone", func() (bool, string) {
		left, err := kube.Run(t.Context(), "", "kubectl", "-n", m.namespace, "get", kinds, "--ignore-not-found", "-o", "name")
		if err != nil {
			return false, err.Error()
		}
		var mine []string
		for object := range strings.FieldsSeq(left) {
			if _, of, _ := strings.Cut(object, "/"); of == name || strings.HasPrefix(of, name+"-") {
				mine = append(mine, object)
			}
		}
		return len(mine) == 0, strings.Join(mine, " ")
	})
}

// replayEnded waits for the end of a replay that was disturbed. It says how it went, and never that more was well than was.
func (m *matrix) replayEnded(t *testing.T, name string, f fault) {
	t.Helper()
	status := m.finished(t, name)
	passed, reason, message := status.condition("Passed")
	t.Logf("%s: Passed=%s, %s: %s", name, passed, reason, message)
	sum := status.Summary
	switch {
	case sum.Egress.Escaped != 0:
		t.Errorf("%s: connections were let out: %+v", name, sum.Egress)
	case passed == "True" && (sum.Requests == 0 || sum.Failed != 0 || sum.Differing != 0 || sum.Egress.Attempted == 0):
		t.Errorf("%s passed with %+v", name, sum)
	case passed != "True" && (reason == "" || message == ""):
		t.Errorf("%s does not say why it did not pass: %+v", name, status.Conditions)
	case f.invalid && passed == "True":
		t.Errorf("%s passed although its %s had gone: %+v", name, f.part, sum)
	case f.survived && passed != "True" && reason != "InvalidLate": // which a busy machine is to blame for
		t.Errorf("%s did not pass: %s: %s", name, reason, message)
	}
}

func (m *matrix) front(t *testing.T) *appsv1.Deployment {
	t.Helper()
	front, err := m.client.AppsV1().Deployments(m.namespace).Get(t.Context(), "front", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return front
}

// untouched checks that the live workload and its pods are as they were but for what the test itself did to them.
func (m *matrix) untouched(t *testing.T) {
	t.Helper()
	front := m.front(t)
	delete(front.Spec.Template.Annotations, "kubectl.kubernetes.io/restartedAt")
	if len(front.Spec.Template.Annotations) == 0 {
		front.Spec.Template.Annotations = nil
	}
	if diff := cmp.Diff(m.spec, front.Spec); diff != "" {
		t.Errorf("the live workload was changed (- before, + now):\n%s", diff)
	}
	// Each roll is one change of the spec and one pod; scaling up and down are two and one.
	if want := m.generation + 3*m.rolls; front.Generation != want {
		t.Errorf("the live workload has generation %d, want %d", front.Generation, want)
	}
	if seen, want := m.watch.liveSeen(), m.pods+int(2*m.rolls); seen != want {
		t.Errorf("there have been %d pods of the live workload, want %d", seen, want)
	}
}

// responderHangs stops the process of a responder without ending it: its pod must not stay ready, and be so again when it goes on.
func (m *matrix) responderHangs(t *testing.T) {
	m.watch.wasUnready(m.standing)
	pods := m.podsOf(m.standing, "responder")
	if len(pods) != 1 {
		t.Fatalf("%d pods", len(pods))
	}
	id := runningContainer(pods[0], "responder")
	if err := m.signal(t.Context(), "SIGSTOP", id); err != nil {
		t.Fatal(err)
	}
	kube.Eventually(t, time.Minute, "the copy is not ready", func() (bool, string) { return m.watch.wasUnready(m.standing), "" })
	if err := m.signal(context.WithoutCancel(t.Context()), "SIGCONT", id); err != nil {
		t.Fatal(err)
	}
	m.stands(t, m.standing)
}

// provesItself checks what an environment says of its own isolation.
func (m *matrix) provesItself(t *testing.T, environment string) {
	t.Helper()
	m.kubectl(t, "get", "networkpolicy", environment+"-isolation")
	var before *v1alpha1.EgressCounts
	kube.Eventually(t, time.Minute, environment+" has the counters of its proxies, and they grow", func() (bool, string) {
		env, err := m.restage.ReplayV1alpha1().Environments(m.namespace).Get(t.Context(), environment, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		egress := env.Status.Egress
		if before == nil {
			before = egress
		}
		// Few packets are a pod's that starts; many in a running one are what the restless program sends.
		return egress != nil && egress.Attempted > 0 && egress.Escaped == 0 && egress.Dropped > before.Dropped+10, fmt.Sprintf("%+v, at first %+v", egress, before)
	})
}

// close takes everything down, and checks what the whole run left on the cluster and on the wire.
func (m *matrix) close(t *testing.T) {
	m.provesItself(t, m.standing)
	m.deleteEnvironment(t, m.leaving)
	m.deleteEnvironment(t, m.standing)
	m.kubectl(t, "delete", "trafficreplays", "--all")
	m.gone(t, m.leaving)
	m.gone(t, m.standing)
	kube.Eventually(t, settles, "the cluster is as it was (- before, + now)", func() (bool, string) {
		difference := m.others(m.before).Difference(m.others(kube.TakeSnapshot(t)))
		return difference == "", difference
	})
	packets := m.packets.stop(t)
	m.watch.mu.Lock()
	defer m.watch.mu.Unlock()
	for _, wrong := range m.watch.wrong {
		t.Error(wrong)
	}
	for environment, at := range m.watch.early {
		t.Errorf("a pod of %s became ready at %s although its responder was not", environment, at)
	}
	m.watch.shutIn(t, packets)
}

// others are the names of all objects but the pods and revisions of the live workload, which the test itself has rolled. What is in
// them may change: the parts that were killed have conditions, and endpoints the time of their last change.
func (m *matrix) others(all kube.Snapshot) kube.Snapshot {
	others := kube.Snapshot{}
	for name := range all {
		if _, of, _ := strings.Cut(name, " "); !strings.HasPrefix(of, m.namespace+"/front-") {
			others[name] = ""
		}
	}
	return others
}
