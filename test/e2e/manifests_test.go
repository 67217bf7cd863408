// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
)

// Manifests of objects by themselves; NS and NAME are replaced.
const (
	profileManifest = `
apiVersion: replay.restage.dev/v1alpha1
kind: ReplayProfile
metadata: {name: NAME, namespace: NS, labels: {set: one}}
spec: {load: {speed: "1"}}
`
	captureManifest = `
apiVersion: replay.restage.dev/v1alpha1
kind: TrafficCapture
metadata: {name: NAME, namespace: NS}
spec: {workloadRef: {name: front}}
`
	// openSnapshotManifest is of a time that has not ended, so that it never gets ready.
	openSnapshotManifest = `
apiVersion: replay.restage.dev/v1alpha1
kind: TrafficSnapshot
metadata: {name: NAME, namespace: NS}
spec: {workloadRef: {name: front}, startTime: "2026-01-01T00:00:00Z", endTime: "2126-01-01T00:00:00Z"}
`
	environmentManifest = `
apiVersion: replay.restage.dev/v1alpha1
kind: Environment
metadata: {name: NAME, namespace: NS}
spec: {snapshotName: open, workloads: [{ref: {name: front}}]}
`
	replayManifest = `
apiVersion: replay.restage.dev/v1alpha1
kind: TrafficReplay
metadata: {name: NAME, namespace: NS}
spec: {snapshotName: open, timeout: 1h}
`
)

// inNamespace fills in the namespace and other pairs of words.
func inNamespace(manifest, namespace string, more ...string) string {
	return strings.NewReplacer(append([]string{"NS", namespace}, more...)...).Replace(manifest)
}

// many returns a manifest of n objects, named after the prefix and a number.
func many(manifest, namespace, prefix string, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = inNamespace(manifest, namespace, "NAME", fmt.Sprintf("%s-%d", prefix, i))
	}
	return strings.Join(all, "---")
}
