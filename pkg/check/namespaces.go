// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/injection"
)

const (
	warnLabel  = "pod-security.kubernetes.io/warn"
	privileged = "privileged"
)

// podSecurity tells whether the target namespaces allow the container that writes the redirect rules.
func podSecurity(ctx context.Context, c *Cluster) ([]Finding, error) {
	if len(c.Targets) == 0 {
		return skipped("nothing is recorded, and no namespace was named by --for-namespace"), nil
	}
	var findings []Finding
	for _, name := range c.Targets {
		namespace, err := c.namespace(ctx, name)
		if err != nil {
			return nil, err
		}
		findings = append(findings, judgePodSecurity(namespace))
	}
	return findings, nil
}

// judgePodSecurity: a namespace that refuses NET_ADMIN has environments of the weaker kind, and no recordings.
func judgePodSecurity(namespace *corev1.Namespace) Finding {
	if namespace == nil {
		return failure("Name one that exists: kubectl get namespaces", "the namespace does not exist")
	}
	name := namespace.Name
	if level := injection.RefusingLevel(namespace.Labels); level != "" {
		return failure(fmt.Sprintf("kubectl label namespace %s %s=%s --overwrite", name, injection.EnforceLabel, privileged),
			"namespace %s has label %s=%s, which refuses the init container of recorded pods: it needs NET_ADMIN. Replays work without, with interception Explicit, "+
				"and are then isolated as far as the network enforces NetworkPolicies", name, injection.EnforceLabel, level)
	}
	if warn := namespace.Labels[warnLabel]; warn != "" && warn != privileged {
		return Finding{Verdict: OK, Reason: fmt.Sprintf("namespace %s enforces nothing that is in the way; kubectl will warn of level %s", name, warn)}
	}
	return Finding{Verdict: OK, Reason: fmt.Sprintf("namespace %s allows NET_ADMIN, which the init container of recorded pods needs", name)}
}

// namespace returns nil where there is none.
func (c *Cluster) namespace(ctx context.Context, name string) (*corev1.Namespace, error) {
	namespace, err := c.Kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading namespace %s: %w", name, err)
	}
	return namespace, nil
}

// meshes tells which target namespaces have a sidecar of a mesh injected. The rules are made for that, so it is a fact and no warning.
func meshes(ctx context.Context, c *Cluster) ([]Finding, error) {
	var findings []Finding
	for _, name := range c.Targets {
		namespace, err := c.namespace(ctx, name)
		if err != nil {
			return nil, err
		}
		if namespace == nil {
			continue
		}
		if mesh, by := meshOf(namespace); mesh != "" {
			findings = append(findings, Finding{Verdict: OK, Reason: fmt.Sprintf(
				"namespace %s is in the mesh %s (%s): workloads are recorded between them and the proxy of the mesh, in the clear; environments stay out of it", name, mesh, by)})
		}
	}
	return orOK(findings, "no target namespace is in a mesh that is known (Istio, Linkerd)"), nil
}

// meshOf tells by which label or annotation a namespace is in a mesh.
func meshOf(namespace *corev1.Namespace) (mesh, by string) {
	switch labels := namespace.Labels; {
	case labels["istio-injection"] == "enabled":
		return "Istio", "label istio-injection=enabled"
	case labels["istio.io/rev"] != "" && labels["istio-injection"] != "disabled":
		return "Istio", "label istio.io/rev=" + labels["istio.io/rev"]
	case labels["istio.io/dataplane-mode"] == "ambient":
		return "Istio", "label istio.io/dataplane-mode=ambient"
	}
	if inject := namespace.Annotations["linkerd.io/inject"]; slices.Contains([]string{"enabled", "ingress"}, inject) {
		return "Linkerd", "annotation linkerd.io/inject=" + inject
	}
	return "", ""
}
