// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/responder/control"
	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/responder/outcome"
	"github.com/restage-dev/restage/pkg/wiring"
)

// dialNobody is a network without a responder.
func dialNobody(context.Context, string, string) (net.Conn, error) {
	return nil, fmt.Errorf("nobody listens")
}

func status(t *testing.T, cluster *controllertest.Cluster) v1alpha1.EnvironmentStatus {
	t.Helper()
	environment, err := cluster.Replay.ReplayV1alpha1().Environments(shop).Get(t.Context(), "monday", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return environment.Status
}

func clone(name string, state corev1.ContainerState) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: shop, Labels: injection.WorkloadLabels("monday", "front")},
		Status:     corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{Name: wiring.InitContainerName, State: state}}},
	}
}

func TestIsolatedOnlyWhenTheRulesStandInEveryCopy(t *testing.T) {
	cluster := newCluster(t, snapshot(), monday())
	build(t, cluster)
	expect := func(want metav1.ConditionStatus, reason string) {
		t.Helper()
		if err := reconcile(t, cluster); err != nil {
			t.Fatal(err)
		}
		got := meta.FindStatusCondition(status(t, cluster).Conditions, v1alpha1.EnvironmentIsolated)
		if got == nil || got.Status != want || got.Reason != reason || got.ObservedGeneration != 1 {
			t.Errorf("Isolated is %+v, want %s, %s", got, want, reason)
		}
	}
	add := func(pod *corev1.Pod) {
		t.Helper()
		if _, err := cluster.Kube.CoreV1().Pods(shop).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	expect(metav1.ConditionFalse, reasonNoPods)
	add(clone("first", corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 0}}))
	expect(metav1.ConditionTrue, ReasonFailsClosed)
	add(clone("second", corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}}))
	expect(metav1.ConditionFalse, reasonRules)
}

// Without rules the network's answer to the canary is what counts, and the condition says that nothing else holds.
func TestExplicitIsolationIsTheNetworks(t *testing.T) {
	for said, want := range map[string]struct {
		status metav1.ConditionStatus
		reason string
		says   string
	}{
		wiring.CanaryHeld:    {metav1.ConditionTrue, reasonExplicit, "held back by NetworkPolicy monday-isolation alone"},
		wiring.CanaryOut:     {metav1.ConditionFalse, reasonNotEnforced, "reached the API server past the proxy"},
		wiring.CanaryUntried: {metav1.ConditionFalse, reasonNotEnforced, "pod first did not find out"},
		"":                   {metav1.ConditionFalse, reasonNotEnforced, "pod first"},
		"runs":               {metav1.ConditionFalse, reasonUntried, "pod first"},
	} {
		t.Run(said, func(t *testing.T) {
			cluster := newCluster(t, snapshot(), monday())
			build(t, cluster)
			state := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: said}}
			if said == "runs" {
				state = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
			}
			pod := clone("first", state)
			pod.Annotations = map[string]string{v1alpha1.AnnotationInterception: string(v1alpha1.InterceptionExplicit)}
			if _, err := cluster.Kube.CoreV1().Pods(shop).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := reconcile(t, cluster); err != nil {
				t.Fatal(err)
			}
			got := meta.FindStatusCondition(status(t, cluster).Conditions, v1alpha1.EnvironmentIsolated)
			if got == nil || got.Status != want.status || got.Reason != want.reason || !strings.Contains(got.Message, want.says) {
				t.Errorf("Isolated is %+v, want %+v", got, want)
			}
		})
	}
}

func TestWallHoldsTheCopiesToTheirEnvironment(t *testing.T) {
	cluster := newCluster(t, snapshot(), monday())
	build(t, cluster)
	policy, err := cluster.Kube.NetworkingV1().NetworkPolicies(shop).Get(t.Context(), "monday-isolation", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pod  labelled
		want bool
	}{
		{injection.WorkloadLabels("monday", "front"), true},
		{injection.WorkloadLabels("tuesday", "front"), false},
		{responderLabels("monday"), false}, // it fetches the recording from the forwarder
		{labelled{"app": "front"}, false},
	} {
		if got := selector.Matches(c.pod); got != c.want {
			t.Errorf("a pod with the labels %v is held: %t, want %t", c.pod, got, c.want)
		}
	}
	if diff := cmp.Diff([]networkingv1.PolicyType{networkingv1.PolicyTypeEgress}, policy.Spec.PolicyTypes); diff != "" {
		t.Error(diff)
	}
	to, err := metav1.LabelSelectorAsSelector(policy.Spec.Egress[0].To[0].PodSelector)
	if err != nil {
		t.Fatal(err)
	}
	if len(policy.Spec.Egress) != 1 || len(policy.Spec.Egress[0].To) != 1 || policy.Spec.Egress[0].To[0].NamespaceSelector != nil ||
		!to.Matches(labelled(responderLabels("monday"))) || to.Matches(labelled{"app": "back"}) || to.Matches(labelled(responderLabels("tuesday"))) {
		t.Errorf("copies may reach %+v", policy.Spec.Egress)
	}
}

// labelled are labels as selectors want them.
type labelled map[string]string

func (l labelled) Has(name string) bool              { _, ok := l[name]; return ok }
func (l labelled) Get(name string) string            { return l[name] }
func (l labelled) Lookup(name string) (string, bool) { value, ok := l[name]; return value, ok }

// TestCountersOfTheProxiesAreInTheStatus reads them from the API of a real responder.
func TestCountersOfTheProxiesAreInTheStatus(t *testing.T) {
	cluster := newCluster(t, snapshot(), monday())
	build(t, cluster)
	secret, err := cluster.Kube.CoreV1().Secrets(shop).Get(t.Context(), "monday-link", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	token := secret.StringData["token"]
	secret.Data = map[string][]byte{"token": []byte(token)} // as the API server does
	if _, err := cluster.Kube.CoreV1().Secrets(shop).Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	api := control.New("one", token, slog.New(slog.DiscardHandler))
	outcomes := outcome.NewLog()
	api.Loaded(&control.Play{
		Outcomes: outcomes, Reporter: outcome.NewReporter(outcomes, match.Build(nil)),
		Unused: func() int { return 0 }, Rejected: func() int64 { return 0 }, Internal: func() int64 { return 1 },
	})
	responder := httptest.NewServer(api.Handler())
	defer responder.Close()
	for pod, counts := range map[string]string{"first": `"attempted":5,"answered":3,"refused":2,"dropped":3`, "second": `"attempted":2,"answered":1,"refused":0,"dropped":1`} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, responder.URL+"/v1/proxies/"+pod, bytes.NewBufferString(`{"instance":"i",`+counts+`}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(request)
		if err != nil || answer.StatusCode != http.StatusNoContent {
			t.Fatalf("%v, %v", answer, err)
		}
		answer.Body.Close()
	}
	dialled := ""
	egress := NewEgress(cluster.Kube, func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled = address
		return (&net.Dialer{}).DialContext(ctx, network, responder.Listener.Addr().String())
	})
	environment := monday()
	environment.Status = status(t, cluster)
	got, err := egress.Read(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&v1alpha1.EgressCounts{Attempted: 7, Answered: 4, Internal: 1, Refused: 2, Escaped: 1, Dropped: 4}, got); diff != "" || dialled != clusterIP+":4142" {
		t.Errorf("%s, from %s", diff, dialled)
	}
}
