// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"

	"github.com/restage-dev/restage/pkg/installation"
)

// Installation finds out what is installed in a namespace, or, when that is empty, wherever Restage is.
func (c *Cluster) Installation(ctx context.Context, namespace string) (*installation.Installation, error) {
	kube, err := c.Kube()
	if err != nil {
		return nil, err
	}
	registrations, err := c.Aggregator()
	if err != nil {
		return nil, err
	}
	return installation.Find(ctx, kube, registrations, namespace)
}
