// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// dnsService is what every distribution calls the Service of the cluster's DNS.
const dnsService = "kube-dns"

// redirectRules has the kernel of a node in each target namespace take the rules of a recorded and of an isolated pod.
func redirectRules(ctx context.Context, c *Cluster) ([]Finding, error) {
	if c.NoProbe {
		return skipped("--no-probe"), nil
	}
	outcomes, err := c.probe(ctx)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for _, outcome := range outcomes {
		if outcome.trouble != nil {
			findings = append(findings, *outcome.trouble)
			continue
		}
		findings = append(findings, judgeRules(outcome))
	}
	return findings, nil
}

func judgeRules(outcome probeOutcome) Finding {
	r := outcome.result
	message := r.Capture
	if message == "" {
		message = r.Isolate
	}
	switch {
	case message == "":
		return Finding{Verdict: OK, Reason: fmt.Sprintf("namespace %s: kernel %s redirects and isolates a pod", outcome.namespace, r.Kernel)}
	case strings.Contains(message, "operation not permitted"), strings.Contains(message, "permission denied"):
		return failure("Let containers of namespace "+outcome.namespace+" have NET_ADMIN in the runtime (a seccomp or AppArmor profile, or a sandbox such as gVisor, takes it away).",
			"namespace %s: the container has NET_ADMIN in its manifest and not in the kernel: %s", outcome.namespace, clip(message))
	case strings.Contains(message, "do not isolate"):
		return failure("kubectl -n kube-system get pods -l k8s-app=kube-proxy; look for a CNI that bypasses netfilter (eBPF host routing)",
			"namespace %s: the kernel takes the rules and they do not hold: %s", outcome.namespace, clip(message))
	}
	return failure("modprobe nf_tables nft_chain_nat nft_redir nft_ct nft_meta   # on each node, and in /etc/modules-load.d",
		"namespace %s: kernel %s does not take the redirect rules: %s", outcome.namespace, r.Kernel, clip(message))
}

// clusterDNS tells whether pods resolve names, and reach the forwarder by its name.
func clusterDNS(ctx context.Context, c *Cluster) ([]Finding, error) {
	serving, state, fix, err := c.dnsState(ctx)
	if err != nil {
		return nil, err
	}
	if c.NoProbe {
		if !serving {
			return []Finding{failure(fix, "%s", state)}, nil
		}
		return ok("%s; whether pods reach it was not tried (--no-probe)", state), nil
	}
	outcomes, err := c.probe(ctx)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for _, outcome := range outcomes {
		if outcome.result != nil {
			findings = append(findings, judgeDNS(outcome, state, fix)...)
		}
	}
	switch {
	case len(findings) > 0:
		return findings, nil
	case !serving:
		return []Finding{failure(fix, "%s", state)}, nil
	}
	return ok("%s; whether pods reach it is not known without a probe pod", state), nil
}

func judgeDNS(outcome probeOutcome, state, fix string) []Finding {
	var findings []Finding
	unresolved := false
	for _, name := range slices.Sorted(maps.Keys(outcome.result.Names)) {
		if message := outcome.result.Names[name]; message != "" {
			unresolved = true
			findings = append(findings, failure(fix, "pods of namespace %s cannot resolve %s: %s (%s)", outcome.namespace, name, clip(message), state))
		}
	}
	if unresolved { // then nothing is reached by name either
		return findings
	}
	for _, address := range slices.Sorted(maps.Keys(outcome.result.Connect)) {
		if message := outcome.result.Connect[address]; message != "" {
			findings = append(findings, failure(fmt.Sprintf("kubectl get networkpolicies -n %s; kubectl get endpointslices -A -l kubernetes.io/service-name=restage-forwarder", outcome.namespace),
				"pods of namespace %s do not reach the forwarder at %s: %s", outcome.namespace, address, clip(message)))
		}
	}
	return orOK(findings, "pods of namespace %s resolve names of the cluster", outcome.namespace)
}

// dnsState looks at the Service of the cluster's DNS, and says what to do should it not serve.
func (c *Cluster) dnsState(ctx context.Context) (serving bool, state, fix string, err error) {
	fix = namesFix(c.provider(ctx))
	_, err = c.Kube.CoreV1().Services(metav1.NamespaceSystem).Get(ctx, dnsService, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, "the cluster has no Service kube-system/" + dnsService, fix, nil
	}
	if err != nil {
		return false, "", "", fmt.Errorf("reading Service kube-system/%s: %w", dnsService, err)
	}
	slicesOf, err := c.Kube.DiscoveryV1().EndpointSlices(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + dnsService})
	if err != nil {
		return false, "", "", fmt.Errorf("reading the endpoints of Service kube-system/%s: %w", dnsService, err)
	}
	ready := 0
	for _, slice := range slicesOf.Items {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				ready++
			}
		}
	}
	if ready > 0 {
		return true, fmt.Sprintf("Service kube-system/%s has %d ready endpoints", dnsService, ready), fix, nil
	}
	if d, getErr := c.Kube.AppsV1().Deployments(metav1.NamespaceSystem).Get(ctx, "coredns", metav1.GetOptions{}); getErr == nil && d.Spec.Replicas != nil && *d.Spec.Replicas == 0 {
		fix = "kubectl -n kube-system scale deployment/coredns --replicas=2"
	}
	return false, fmt.Sprintf("Service kube-system/%s has no ready pod", dnsService), fix, nil
}
