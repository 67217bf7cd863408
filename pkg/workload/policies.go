// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
)

// NoPolicies says why no template is changed in a cluster without HasPolicies.
const NoPolicies = Condition + ", and this cluster does not serve that kind, which Kubernetes has from 1.36 on"

// Condition says, for people, when the template of a live workload is changed.
const Condition = "templates of live workloads are changed only where a MutatingAdmissionPolicy has kube-apiserver keep what is put into them from standing in anybody's way"

// HasPolicies tells whether the cluster has MutatingAdmissionPolicy. Without it what is put into the template of a workload could stand in somebody's way:
// Kubernetes refuses a change by its owner that leaves half of it, as that of a client-side apply without volumes does.
func HasPolicies(client discovery.ServerResourcesInterface) (bool, error) {
	served, err := client.ServerResourcesForGroupVersion("admissionregistration.k8s.io/v1")
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("asking for the admission policies of the cluster: %w", err)
	}
	return slices.ContainsFunc(served.APIResources, func(r metav1.APIResource) bool { return r.Name == "mutatingadmissionpolicies" }), nil
}
