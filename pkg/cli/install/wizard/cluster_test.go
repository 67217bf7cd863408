// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wizard

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubefake "k8s.io/client-go/kubernetes/fake"

	"github.com/restage-dev/restage/pkg/install"
)

// The way for proxies into pods is one that the cluster has, and who named another is told.
func TestChooseInjection(t *testing.T) {
	for name, test := range map[string]struct {
		given, want install.Injection
		policies    bool
		refused     bool
	}{
		"open":                         {"", "", true, false},
		"open on an old cluster":       {"", install.InjectionWebhook, false, false},
		"given":                        {install.InjectionPolicy, install.InjectionPolicy, true, false},
		"given on an old cluster":      {install.InjectionManual, install.InjectionManual, false, false},
		"workloads on an old cluster":  {install.InjectionWorkload, install.InjectionWorkload, false, true},
		"the policy on an old cluster": {install.InjectionPolicy, install.InjectionPolicy, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			person, opened := open(t)
			kube := kubefake.NewClientset()
			if test.policies {
				kube.Resources = []*metav1.APIResourceList{{GroupVersion: "admissionregistration.k8s.io/v1", APIResources: []metav1.APIResource{{Name: "mutatingadmissionpolicies"}}}}
			}
			w := wizard{terminal: opened, kube: kube, options: install.Options{Injection: test.given}}
			err := w.chooseInjection()
			require.Equal(t, test.want, w.options.Injection)
			if test.refused {
				require.ErrorContains(t, err, "use webhook")
				return
			}
			require.NoError(t, err)
			if test.given != test.want {
				person.Expect(soon, "no template is changed")
			}
		})
	}
}
