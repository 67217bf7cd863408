// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package watchednamespaces

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"

	at "github.com/restage-dev/restage/pkg/admission/admissiontest"
	"github.com/restage-dev/restage/pkg/apis/replay"
)

func TestObjectsAreMadeInWatchedNamespacesOnly(t *testing.T) {
	snapshot := at.Create("TrafficSnapshot", &replay.TrafficSnapshot{ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: "monday"}})
	class := at.Create("EnvironmentClass", &replay.EnvironmentClass{ObjectMeta: metav1.ObjectMeta{Name: "small"}})
	for _, test := range []struct {
		name       string
		namespaces []string
		request    admission.Attributes
		forbidden  bool
	}{
		{"all namespaces", nil, snapshot, false},
		{"watched", []string{"bank", at.Namespace}, snapshot, false},
		{"not watched", []string{"bank"}, snapshot, true},
		{"without a namespace", []string{"bank"}, class, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := New()
			p.SetNamespaces(test.namespaces)
			err := p.Admit(t.Context(), test.request, nil)
			if apierrors.IsForbidden(err) != test.forbidden || !test.forbidden && err != nil {
				t.Fatalf("the answer is %v", err)
			}
			if test.forbidden && !strings.Contains(err.Error(), "bank") {
				t.Errorf("the answer does not say where objects can be made: %v", err)
			}
		})
	}
}
