// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"
)

// Minors of Kubernetes that are supported, all of major version 1.
const (
	OldestMinor = 35
	NewestMinor = 37
)

// OldestPolicyMinor is the first that has MutatingAdmissionPolicy as v1.
const OldestPolicyMinor = 36

// podSecurityVersion is the label of our Namespace that says which version of the Pod Security standards is meant.
const podSecurityVersion = "pod-security.kubernetes.io/enforce-version"

// kubeVersion checks that a version is supported.
func kubeVersion(value string) error {
	if value == "" {
		return nil
	}
	parsed, err := version.ParseGeneric(strings.TrimPrefix(value, "v"))
	if err != nil {
		return invalid("kubeVersion", value, "must be a version of Kubernetes, such as 1.%d", NewestMinor)
	}
	if parsed.Major() != 1 || parsed.Minor() < OldestMinor || parsed.Minor() > NewestMinor {
		return invalid("kubeVersion", value, "must be from 1.%d to 1.%d", OldestMinor, NewestMinor)
	}
	return nil
}

// hasPolicies tells whether the version has MutatingAdmissionPolicy, as it has where none is given.
func (o Options) hasPolicies() bool {
	parsed, err := version.ParseGeneric(strings.TrimPrefix(o.KubeVersion, "v"))
	return err != nil || parsed.Minor() >= OldestPolicyMinor
}

// injection checks that a cluster of the version can add proxies in the way that is chosen.
func injection(o Options) error {
	if o.Injection != InjectionPolicy && o.Injection != InjectionWorkload || o.hasPolicies() {
		return nil
	}
	return invalid("injection", o.Injection, "needs MutatingAdmissionPolicy of admissionregistration.k8s.io/v1, which Kubernetes has from 1.%d on, and kubeVersion "+
		"(--kube-version) is %s; use %s, which needs nothing of the kind", OldestPolicyMinor, o.KubeVersion, InjectionWebhook)
}

// adapt writes for the version of the cluster what is meant for one version: the Pod Security standard, which grows stricter. Without a
// version it is that of the cluster at each time.
func adapt(o Options, all objects) error {
	if o.KubeVersion == "" {
		return nil
	}
	parsed, err := version.ParseGeneric(strings.TrimPrefix(o.KubeVersion, "v"))
	if err != nil {
		return err
	}
	for _, namespace := range all.kind("Namespace") {
		labels := namespace.GetLabels()
		if _, ok := labels[podSecurityVersion]; !ok {
			return fmt.Errorf("the Namespace has no label %s", podSecurityVersion)
		}
		labels[podSecurityVersion] = fmt.Sprintf("v%d.%d", parsed.Major(), parsed.Minor())
		namespace.SetLabels(labels)
	}
	return nil
}
