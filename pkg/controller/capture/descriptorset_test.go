// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/protocol/descriptor/descriptortest"
	"github.com/restage-dev/restage/pkg/wiring"
)

func TestDescriptorSetIsRead(t *testing.T) {
	w := newWorld(t, nil)
	w.create("front")
	captures := w.cluster.Replay.ReplayV1alpha1().TrafficCaptures(shop)
	name := func(configMap string) {
		t.Helper()
		capture, err := captures.Get(t.Context(), "front", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		capture.Spec.DescriptorSetConfigMapName = configMap
		if _, err := captures.Update(t.Context(), capture, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	condition := func() *metav1.Condition {
		t.Helper()
		w.reconcile("front")
		capture, err := captures.Get(t.Context(), "front", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return meta.FindStatusCondition(capture.Status.Conditions, v1alpha1.ConditionDescriptorSetRead)
	}
	want := func(value metav1.ConditionStatus, reason, text string) {
		t.Helper()
		if got := condition(); got == nil || got.Status != value || got.Reason != reason || !strings.Contains(got.Message, text) {
			t.Errorf("the condition is %+v, want %s, %s with %q", got, value, reason, text)
		}
	}
	if got := condition(); got != nil {
		t.Errorf("the condition is %+v, want none", got)
	}
	name("protos")
	want(metav1.ConditionFalse, reasonMissing, `ConfigMap "protos" does not exist`)
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "protos", Namespace: shop}, Data: map[string]string{"shop.proto": ""}}
	object, err := w.cluster.Kube.CoreV1().ConfigMaps(shop).Create(t.Context(), object, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want(metav1.ConditionFalse, reasonUnreadable, `ConfigMap "protos" has no key "descriptors.binpb"`)
	for _, c := range []struct {
		set          []byte
		status       metav1.ConditionStatus
		reason, text string
	}{
		{descriptortest.Set(t, "google/protobuf/timestamp.proto"), metav1.ConditionFalse, reasonUnreadable, "--include_imports"},
		{descriptortest.Set(t), metav1.ConditionTrue, reasonReading, `ConfigMap "protos"`},
	} {
		object.BinaryData = map[string][]byte{wiring.DescriptorSetKey: c.set}
		if object, err = w.cluster.Kube.CoreV1().ConfigMaps(shop).Update(t.Context(), object, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		want(c.status, c.reason, c.text)
	}
	// What the cluster does not tell is kept, and all else is observed as ever.
	w.addPod("front-1", true)
	w.cluster.Kube.PrependReactor("get", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("not now")
	})
	want(metav1.ConditionTrue, reasonReading, `ConfigMap "protos"`)
	w.expect("front", metav1.ConditionTrue, reasonRecording, "1 of 1 pods")
	live, err := w.cluster.Kube.AppsV1().Deployments(shop).Get(t.Context(), "front", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	mounted := slices.ContainsFunc(live.Spec.Template.Spec.Volumes, func(v corev1.Volume) bool {
		return v.Name == wiring.ForwarderVolume && slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool {
			return s.ConfigMap != nil && s.ConfigMap.Name == "protos" && *s.ConfigMap.Optional
		})
	})
	if !mounted {
		t.Errorf("the proxy does not get the set: %+v", live.Spec.Template.Spec.Volumes)
	}
	name("")
	if got := condition(); got != nil {
		t.Errorf("the condition is %+v, want none", got)
	}
}
