// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"slices"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/admission"
)

// hostOf is a host that serves the resources of the group versions and allows all but the denied ones.
func hostOf(served map[string][]string, denied ...string) *fake.Clientset {
	host := fake.NewClientset()
	for version, resources := range served {
		list := &metav1.APIResourceList{GroupVersion: version}
		for _, name := range resources {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: name})
		}
		host.Resources = append(host.Resources, list)
	}
	host.PrependReactor("create", "selfsubjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
		attributes := review.Spec.ResourceAttributes
		review.Status.Allowed = !slices.Contains(denied, attributes.Verb+" "+attributes.Resource)
		return true, review, nil
	})
	return host
}

func TestFeaturesThatTheHostLacksGoOff(t *testing.T) {
	policies := []string{"validatingadmissionpolicies", "validatingadmissionpolicybindings"}
	mutating := []string{"mutatingadmissionpolicies", "mutatingadmissionpolicybindings"}
	flow := []string{"flowschemas", "prioritylevelconfigurations"}
	const admissionV1, flowV1, appsV1 = "admissionregistration.k8s.io/v1", "flowcontrol.apiserver.k8s.io/v1", "apps/v1"
	apps := []string{"deployments"}
	for name, test := range map[string]struct {
		host *fake.Clientset
		want []string
	}{
		"all there": {hostOf(map[string][]string{admissionV1: slices.Concat(policies, mutating), flowV1: flow, appsV1: apps}), nil},
		"1.35":      {hostOf(map[string][]string{admissionV1: policies, flowV1: flow, appsV1: apps}), []string{admission.MutatingAdmissionPolicy}},
		"may not watch": {
			hostOf(map[string][]string{admissionV1: slices.Concat(policies, mutating), flowV1: flow, appsV1: apps},
				"watch mutatingadmissionpolicybindings", "list flowschemas", "list deployments"),
			[]string{admission.MutatingAdmissionPolicy, priorityAndFairness, cachedWorkloads},
		},
		"nothing there": {hostOf(nil), []string{admission.MutatingAdmissionPolicy, admission.ValidatingAdmissionPolicy, priorityAndFairness, cachedWorkloads}},
	} {
		t.Run(name, func(t *testing.T) {
			absent, err := absentFeatures(t.Context(), test.host)
			if err != nil || !absent.Equal(sets.New(test.want...)) {
				t.Errorf("switched off %v, want %v, error %v", sets.List(absent), test.want, err)
			}
		})
	}
}
