// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

func TestTLSIsReadWhereAsked(t *testing.T) {
	w := newWorld(t, nil)
	deployment := front()
	deployment.Spec.Template.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{Prefix: "NODE_", ConfigMapRef: &corev1.ConfigMapEnvSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: "settings"},
	}}}
	if _, err := w.cluster.Kube.AppsV1().Deployments(shop).Update(t.Context(), deployment, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings", Namespace: shop}, Data: map[string]string{"EXTRA_CA_CERTS": "/ours"}}
	if _, err := w.cluster.Kube.CoreV1().ConfigMaps(shop).Create(t.Context(), settings, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.create("front")
	captures := w.cluster.Replay.ReplayV1alpha1().TrafficCaptures(shop)
	capture, err := captures.Get(t.Context(), "front", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	capture.Spec.TLS = &v1alpha1.CaptureTLS{Outbound: v1alpha1.TLSIntercept, InboundSecretName: "front-tls"}
	if _, err := captures.Update(t.Context(), capture, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.reconcile("front")
	if _, err := w.cluster.Kube.CoreV1().Secrets(shop).Get(t.Context(), wiring.TLSCASecret, metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	live, err := w.cluster.Kube.AppsV1().Deployments(shop).Get(t.Context(), "front", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, variable := range live.Spec.Template.Spec.Containers[0].Env {
		names[variable.Name] = true
	}
	if !names["SSL_CERT_FILE"] || names["NODE_EXTRA_CA_CERTS"] {
		t.Errorf("variables are %v, want those of trust but for the one that a ConfigMap sets", names)
	}
	condition := func() *metav1.Condition {
		capture, err = captures.Get(t.Context(), "front", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return meta.FindStatusCondition(capture.Status.Conditions, v1alpha1.ConditionTLSRead)
	}
	if got := condition(); got == nil || got.Reason != reasonMissing || !strings.Contains(got.Message, `Secret "front-tls"`) {
		t.Errorf("the condition is %+v, want one that names the missing Secret", got)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "front-tls", Namespace: shop}}
	if _, err := w.cluster.Kube.CoreV1().Secrets(shop).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.reconcile("front")
	if got := condition(); got == nil || got.Reason != reasonKept || !strings.Contains(got.Message, "NODE_EXTRA_CA_CERTS") {
		t.Errorf("the condition is %+v, want one that names the variable", got)
	}
	capture.Spec.TLS = nil
	if _, err := captures.Update(t.Context(), capture, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.reconcile("front")
	if got := condition(); got != nil {
		t.Errorf("the condition is %+v, want none", got)
	}
}

func TestUntouchedPlaces(t *testing.T) {
	now := time.Now()
	stats := &trafficpb.StatsResponse{Untouched: []*trafficpb.Untouched{
		{Key: "api:443", Reason: "ClientRefused", Count: 3, Last: now.UnixNano()},
		{Key: "old:443", Reason: "OldClient", Count: 3, Last: now.Add(-2 * untouchedFor).UnixNano()},
	}}
	if got := untouched(stats, now); got != "api:443 (ClientRefused)" {
		t.Errorf("places are %q", got)
	}
	for range 2 * mostPlaces {
		stats.Untouched = append(stats.Untouched, stats.Untouched[0])
	}
	if got := untouched(stats, now); strings.Count(got, "api:443") != mostPlaces || !strings.HasSuffix(got, "and more") {
		t.Errorf("places are %q", got)
	}
}

// The containers of a workload trust the proxy, whatever becomes of them, and none of their fields is ours.
func TestTrustFollowsContainers(t *testing.T) {
	cluster := controllertest.New()
	deployments := cluster.Kube.AppsV1().Deployments(shop)
	if _, err := deployments.Create(t.Context(), front(), metav1.CreateOptions{FieldManager: "kubectl"}); err != nil {
		t.Fatal(err)
	}
	before := getDeployment(t, cluster, "front").Spec.Template
	trusting := func(w *workload.Workload) injection.Patch {
		return injection.Capture(injection.CaptureOptions{Image: "proxy:1", TLS: injection.TLS{Outbound: true}, Template: w.Template})
	}
	add := func(want bool) {
		t.Helper()
		w := of(t, getDeployment(t, cluster, "front"))
		if added, err := addSidecar(t.Context(), cluster.Workloads(), w, trusting(w)); err != nil || added != want {
			t.Fatalf("added %v, %v; want %v", added, err, want)
		}
		w = of(t, getDeployment(t, cluster, "front"))
		if !trusting(w).Reaches(w.Template.Spec) {
			t.Errorf("not all trust the proxy: %+v", w.Template.Spec)
		}
		for _, entry := range w.GetManagedFields() {
			if entry.Manager == FieldManager && (strings.Contains(entry.FieldsV1.String(), "f:containers") || strings.Contains(entry.FieldsV1.String(), "SSL_CERT_FILE")) {
				t.Errorf("fields of the workload's own containers are ours: %s", entry.FieldsV1)
			}
		}
	}
	change := func(containers ...corev1.Container) {
		t.Helper()
		live := getDeployment(t, cluster, "front")
		live.Spec.Template.Spec.Containers = containers
		if _, err := deployments.Update(t.Context(), live, metav1.UpdateOptions{FieldManager: "kubectl"}); err != nil {
			t.Fatal(err)
		}
	}
	add(true)
	add(false)
	own := before.Spec.Containers[0]
	change(own) // without what it got
	add(true)
	change(own, corev1.Container{Name: "new", Image: "new:1"})
	add(true)
	add(false)
	change(own)
	add(true)
	change(before.Spec.Containers...)
	if _, err := RemoveSidecar(t.Context(), cluster.Workloads(), shop, v1alpha1.WorkloadReference{Name: "front"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, getDeployment(t, cluster, "front").Spec.Template, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("a trace is left (-before +after):\n%s", diff)
	}
}
