// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/controller/safeguards"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
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

// withoutPolicies is what is wrong with a choice that takes MutatingAdmissionPolicy in a cluster that does not have it; nothing where it has.
func withoutPolicies(c *Cluster, consequence string) ([]Finding, error) {
	served, err := workload.HasPolicies(c.Kube.Discovery())
	if err != nil || served {
		return nil, err
	}
	return []Finding{failure(c.reinstall(append(c.limits(), "--injection="+wiring.InjectionWebhook)...)+", with the flags that you install with besides, or upgrade the cluster to Kubernetes 1.36 or newer",
		"injection %s needs MutatingAdmissionPolicy of admissionregistration.k8s.io/v1, which this cluster does not have: %s", c.Injection, consequence)}, nil
}

// limits are the flags of an installation for some namespaces; none for one for all.
func (c *Cluster) limits() []string {
	if namespaces := c.Found.Namespaces(); len(namespaces) > 0 {
		return []string{"--namespaces", strings.Join(namespaces, ",")}
	}
	return nil
}

// workloadInjection looks for the policies by which proxies in templates stand in nobody's way. Without them no template is changed.
func workloadInjection(ctx context.Context, c *Cluster) ([]Finding, error) {
	if missing, err := withoutPolicies(c, "no template is changed, and no workload is recorded"); missing != nil || err != nil {
		return missing, err
	}
	if !c.Installed() {
		return ok("recording proxies get into the templates of workloads, where MutatingAdmissionPolicies have them stand in nobody's way"), nil
	}
	missing, err := safeguards.Missing(ctx, c.Kube)
	if err != nil {
		return nil, err
	}
	if missing != "" {
		fix := fmt.Sprintf("kubectl -n %s logs deployment/%s", c.home(), wiring.ControllerDeployment)
		if limits := c.limits(); limits != nil {
			fix = c.reinstall(limits...) + ", with the flags that it was installed with"
		}
		return []Finding{failure(fix, "there is no MutatingAdmissionPolicy %s, or no binding of it, by which recording proxies in the templates of workloads stand in nobody's way: no template is changed",
			missing)}, nil
	}
	return ok("recording proxies get into the templates of workloads, where MutatingAdmissionPolicies %s have them stand in nobody's way", strings.Join(wiring.Safeguards(), ", ")), nil
}

func policyInjection(ctx context.Context, c *Cluster) ([]Finding, error) {
	if missing, err := withoutPolicies(c, "no pod gets the recording proxy"); missing != nil || err != nil {
		return missing, err
	}
	if !c.Installed() {
		return ok("the cluster has MutatingAdmissionPolicy, by which pods get the recording proxy"), nil
	}
	_, err := c.Kube.AdmissionregistrationV1().MutatingAdmissionPolicies().Get(ctx, wiring.PodInjection, metav1.GetOptions{})
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
