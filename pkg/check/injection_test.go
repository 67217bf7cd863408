// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubefake "k8s.io/client-go/kubernetes/fake"

	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/wiring"
)

// A cluster that cannot do what is chosen is found out before installing, and what is missing afterwards.
func TestInjection(t *testing.T) {
	named := metav1.ObjectMeta{Name: wiring.PodInjection}
	var policies []runtime.Object
	for _, name := range wiring.Safeguards() {
		named := metav1.ObjectMeta{Name: name}
		policies = append(policies, &admissionv1.MutatingAdmissionPolicy{ObjectMeta: named}, &admissionv1.MutatingAdmissionPolicyBinding{ObjectMeta: named})
	}
	for name, test := range map[string]struct {
		injection string
		policies  bool // the cluster knows them
		installed bool
		objects   []runtime.Object
		want      Verdict
		says      string
	}{
		"manual":                        {wiring.InjectionManual, false, true, nil, OK, "manual"},
		"workload on an old cluster":    {wiring.InjectionWorkload, false, false, nil, Failed, "which this cluster does not have: no template is changed"},
		"workload before installing":    {wiring.InjectionWorkload, true, false, nil, OK, "templates of workloads"},
		"workload":                      {wiring.InjectionWorkload, true, true, policies, OK, wiring.TemplateVolumes},
		"workload without policies":     {wiring.InjectionWorkload, true, true, nil, Failed, "there is no MutatingAdmissionPolicy restage-template-volumes"},
		"workload without the binding":  {wiring.InjectionWorkload, true, true, policies[:7], Failed, "restage-pod-quotas, or no binding of it"},
		"policy on an old cluster":      {wiring.InjectionPolicy, false, false, nil, Failed, "MutatingAdmissionPolicy of admissionregistration.k8s.io/v1"},
		"policy before installing":      {wiring.InjectionPolicy, true, false, nil, OK, "the cluster has MutatingAdmissionPolicy"},
		"policy":                        {wiring.InjectionPolicy, true, true, []runtime.Object{&admissionv1.MutatingAdmissionPolicy{ObjectMeta: named}}, OK, wiring.PodInjection},
		"webhook before installing":     {wiring.InjectionWebhook, false, false, nil, OK, "webhook"},
		"webhook":                       {wiring.InjectionWebhook, false, true, []runtime.Object{&admissionv1.MutatingWebhookConfiguration{ObjectMeta: named}}, OK, wiring.PodInjection},
		"webhook that somebody deleted": {wiring.InjectionWebhook, false, true, nil, Failed, "no pod gets the recording proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			kube := kubefake.NewClientset(test.objects...)
			kube.Resources = []*metav1.APIResourceList{{GroupVersion: "admissionregistration.k8s.io/v1"}}
			if test.policies {
				kube.Resources[0].APIResources = []metav1.APIResource{{Name: "mutatingadmissionpolicies"}}
			}
			c := &Cluster{Kube: kube, Injection: test.injection, Found: &installation.Installation{Namespace: "restage-system", Deployments: map[string]*appsv1.Deployment{}}}
			if test.installed {
				c.Found.Deployments[installation.Controller] = &appsv1.Deployment{}
			}
			findings, err := injectionPossible(t.Context(), c)
			if err != nil || len(findings) != 1 || findings[0].Verdict != test.want || !strings.Contains(findings[0].Reason, test.says) ||
				(findings[0].Fix == "") != (test.want == OK) {
				t.Errorf("found %+v, error %v", findings, err)
			}
		})
	}
}
