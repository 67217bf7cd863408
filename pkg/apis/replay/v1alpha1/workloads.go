// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"maps"
	"slices"
)

// KindService is the kind of a reference that stands for the workload whose pods a Service selects. The server writes that
// workload in its place.
const KindService = "Service"

// workloadVersions are the API versions of the kinds of Kubernetes that a WorkloadReference may have.
var workloadVersions = map[string]string{
	DefaultWorkloadKind: DefaultWorkloadAPIVersion, "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1",
	"Job": "batch/v1", "CronJob": "batch/v1", "Pod": "v1", KindService: "v1",
}

// WorkloadAPIVersion returns the API version of a kind of Kubernetes that a WorkloadReference may have; "" for any other kind.
func WorkloadAPIVersion(kind string) string { return workloadVersions[kind] }

// WorkloadKinds are the kinds of Kubernetes that a WorkloadReference may have, sorted.
func WorkloadKinds() []string { return slices.Sorted(maps.Keys(workloadVersions)) }
