// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package descriptorset

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/protocol/descriptor/descriptortest"
	"github.com/restage-dev/restage/pkg/wiring"
)

// A set is read once in each state, whether or not it can be.
func TestVerdictsReadWhatHasChanged(t *testing.T) {
	cluster := controllertest.New()
	v := NewVerdicts(cluster.Kube, cluster.Metadata(t))
	check := func(wantReads int, right func(error) bool) {
		t.Helper()
		cluster.Kube.ClearActions()
		for range 3 {
			if err := v.Check(t.Context(), "shop", "protos"); !right(err) {
				t.Errorf("the verdict is %v", err)
			}
		}
		if got := len(cluster.Kube.Actions()); got != wantReads {
			t.Errorf("asked three times it has read %d times, want %d", got, wantReads)
		}
	}
	check(0, apierrors.IsNotFound)

	readable := func(err error) bool { return err == nil }
	unreadable := func(err error) bool { return errors.As(err, &UnreadableError{}) }
	if err := cluster.Kube.Tracker().Add(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "protos"}}); err != nil {
		t.Fatal(err)
	}
	resource := corev1.SchemeGroupVersion.WithResource("configmaps")
	for _, state := range []struct {
		uid     types.UID
		version string
		set     []byte
		right   func(error) bool
	}{
		{"first", "1", descriptortest.Set(t), readable},
		{"first", "2", []byte("no set"), unreadable},
		{"second", "2", descriptortest.Set(t), readable},
	} {
		object := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "protos", UID: state.uid, ResourceVersion: state.version},
			BinaryData: map[string][]byte{wiring.DescriptorSetKey: state.set},
		}
		if err := cluster.Kube.Tracker().Update(resource, object, "shop"); err != nil {
			t.Fatal(err)
		}
		check(1, state.right)
		check(0, state.right)
	}
}
