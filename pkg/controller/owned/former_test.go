// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package owned

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
)

func reference(version, kind, name string, uid types.UID) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: version, Kind: kind, Name: name, UID: uid, Controller: ptr.To(true)}
}

func TestWhatAFormerOwnerLeftIsMadeAnew(t *testing.T) {
	owner := Owner{Controller: reference("replay.restage.dev/v1alpha1", "Environment", "monday", "new"), FieldManager: "test"}
	for name, test := range map[string]struct {
		left  metav1.OwnerReference
		taken bool
	}{
		"a former owner":           {reference("replay.restage.dev/v1alpha1", "Environment", "monday", "old"), false},
		"in another version":       {reference("replay.restage.dev/v1beta1", "Environment", "monday", "old"), false},
		"an owner of another name": {reference("replay.restage.dev/v1alpha1", "Environment", "tuesday", "old"), true},
		"an owner of another kind": {reference("replay.restage.dev/v1alpha1", "TrafficReplay", "monday", "old"), true},
		"somebody else's kind":     {reference("example.org/v1", "Environment", "monday", "old"), true},
	} {
		t.Run(name, func(t *testing.T) {
			desired := func() *corev1.Service {
				return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "responder", Namespace: "shop"}}
			}
			existing := desired()
			existing.UID, existing.OwnerReferences = "left", []metav1.OwnerReference{test.left}
			services := fake.NewClientset(existing).CoreV1().Services("shop")

			_, err := Apply(t.Context(), services, desired(), owner)
			var taken *TakenError
			var former *FormerError
			if errors.As(err, &taken) != test.taken || errors.As(err, &former) == test.taken {
				t.Fatalf("the error is %v", err)
			}
			_, err = services.Get(t.Context(), "responder", metav1.GetOptions{})
			if apierrors.IsNotFound(err) == test.taken {
				t.Fatalf("what was left: %v", err)
			}
			if test.taken {
				return
			}
			made, err := Apply(t.Context(), services, desired(), owner)
			if err != nil || !controls(owner.Controller, made) {
				t.Errorf("made anew: %v, error %v", made, err)
			}
		})
	}
}
