// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
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
