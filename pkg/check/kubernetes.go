// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/version"
)

// oldest and newest are the minor versions of Kubernetes that this release is tested on.
var (
	oldest = version.MajorMinor(1, 35)
	newest = version.MajorMinor(1, 37)
)

func kubernetesVersion(_ context.Context, c *Cluster) ([]Finding, error) {
	info, err := c.Kube.Discovery().ServerVersion()
	if err != nil {
		return nil, fmt.Errorf("asking kube-apiserver for its version: %w", err)
	}
	return judgeVersion(info.GitVersion)
}

func judgeVersion(git string) ([]Finding, error) {
	server, err := version.ParseGeneric(git)
	if err != nil {
		return nil, fmt.Errorf("kube-apiserver says that its version is %q: %w", git, err)
	}
	minor := version.MajorMinor(server.Major(), server.Minor())
	supported := fmt.Sprintf("Kubernetes %s to %s", oldest, newest)
	switch {
	case minor.LessThan(oldest):
		return []Finding{failure(fmt.Sprintf("Upgrade the cluster to Kubernetes %s or newer.", oldest),
			"kube-apiserver is %s; this release supports %s", git, supported)}, nil
	case newest.LessThan(minor):
		return []Finding{warning("Use a newer release of Restage: https://github.com/restage-dev/restage/releases",
			"kube-apiserver is %s, newer than what this release was tested on, %s", git, supported)}, nil
	}
	return ok("kube-apiserver is %s; supported are %s to %s", git, oldest, newest), nil
}
