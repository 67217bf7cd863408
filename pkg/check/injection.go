// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/wiring"
)

// injectionPossible tells whether recording proxies can get into pods in the way that is chosen, and whether what adds them to pods as they are made is there.
func injectionPossible(ctx context.Context, c *Cluster) ([]Finding, error) {
	switch c.Injection {
	case wiring.InjectionPolicy:
		return policyInjection(ctx, c)
	case wiring.InjectionWebhook:
		return webhookInjection(ctx, c)
	case wiring.InjectionWorkload:
		return workloadInjection(ctx, c)
	}
	return ok("recording proxies get into pods by injection %s, which asks nothing of the cluster", c.Injection), nil
}

// workloadInjection looks for the policy that keeps proxies whole in templates. Without it all works until an owner's change is refused.
func workloadInjection(ctx context.Context, c *Cluster) ([]Finding, error) {
	const refused = "while a workload is recorded, a client-side apply is refused that takes the last of its volumes away"
	served, err := hasPolicies(c)
	if err != nil {
		return nil, err
	}
	if !served {
		return []Finding{warning("apply server-side, or leave \"volumes: []\" in manifests; or install with --injection="+wiring.InjectionWebhook+", which changes no template, or upgrade the cluster to Kubernetes 1.36 or newer",
			"recording proxies get into the templates of workloads, and this cluster has no MutatingAdmissionPolicy to keep them whole there: %s", refused)}, nil
	}
	if !c.Installed() {
		return ok("recording proxies get into the templates of workloads, where a MutatingAdmissionPolicy keeps them whole"), nil
	}
	_, err = c.Kube.AdmissionregistrationV1().MutatingAdmissionPolicies().Get(ctx, wiring.TemplateVolumes, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		fix := fmt.Sprintf("kubectl -n %s logs deployment/%s", c.home(), wiring.ControllerDeployment)
		if namespaces := c.Found.Namespaces(); len(namespaces) > 0 {
			fix = c.reinstall("--namespaces", strings.Join(namespaces, ","), "--kube-version 1.36") + ", with the version of the cluster and the flags that it was installed with"
		}
		return []Finding{warning(fix, "there is no MutatingAdmissionPolicy %s: %s", wiring.TemplateVolumes, refused)}, nil
	case err != nil:
		return nil, fmt.Errorf("reading MutatingAdmissionPolicy %q: %w", wiring.TemplateVolumes, err)
	}
	return ok("recording proxies get into the templates of workloads, where MutatingAdmissionPolicy %s keeps them whole", wiring.TemplateVolumes), nil
}

// hasPolicies tells whether the cluster has MutatingAdmissionPolicy.
func hasPolicies(c *Cluster) (bool, error) {
	served, err := c.Kube.Discovery().ServerResourcesForGroupVersion("admissionregistration.k8s.io/v1")
	if err != nil {
		return false, fmt.Errorf("asking for the admission policies of the cluster: %w", err)
	}
	return slices.ContainsFunc(served.APIResources, func(r metav1.APIResource) bool { return r.Name == "mutatingadmissionpolicies" }), nil
}

func policyInjection(ctx context.Context, c *Cluster) ([]Finding, error) {
	served, err := hasPolicies(c)
	if err != nil {
		return nil, err
	}
	if !served {
		return []Finding{failure("kubectl restage install --injection="+wiring.InjectionWebhook+" | kubectl apply -f -, or upgrade the cluster to Kubernetes 1.36 or newer",
			"injection %s needs MutatingAdmissionPolicy of admissionregistration.k8s.io/v1, which this cluster does not have: no pod gets the recording proxy", c.Injection)}, nil
	}
	if !c.Installed() {
		return ok("the cluster has MutatingAdmissionPolicy, by which pods get the recording proxy"), nil
	}
	_, err = c.Kube.AdmissionregistrationV1().MutatingAdmissionPolicies().Get(ctx, wiring.PodInjection, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return ok("the cluster has MutatingAdmissionPolicy; there is no %s, as when nothing is captured", wiring.PodInjection), nil
	}
	return c.present("MutatingAdmissionPolicy", err)
}

func webhookInjection(ctx context.Context, c *Cluster) ([]Finding, error) {
	if !c.Installed() {
		return ok("pods get the recording proxy by a webhook of kube-apiserver's own, which asks nothing of the cluster"), nil
	}
	_, err := c.Kube.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, wiring.PodInjection, metav1.GetOptions{})
	return c.present("MutatingWebhookConfiguration", err)
}

// present judges the attempt to read what adds proxies to pods.
func (c *Cluster) present(kind string, err error) ([]Finding, error) {
	switch {
	case apierrors.IsNotFound(err):
		return []Finding{failure(fmt.Sprintf("kubectl -n %s logs deployment/%s", c.home(), wiring.ControllerDeployment),
			"there is no %s %s, which the controller keeps: no pod gets the recording proxy", kind, wiring.PodInjection)}, nil
	case err != nil:
		return nil, fmt.Errorf("reading %s %q: %w", kind, wiring.PodInjection, err)
	}
	return ok("%s %s adds the recording proxy to opted-in pods", kind, wiring.PodInjection), nil
}
