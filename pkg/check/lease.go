// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/installation"
)

// leaseHeld tells whether one of the controllers leads: without a leader nothing is done, however many are ready.
func leaseHeld(ctx context.Context, c *Cluster) ([]Finding, error) {
	lease, err := c.Kube.CoordinationV1().Leases(c.home()).Get(ctx, installation.Controller, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("reading Lease %s/%s: %w", c.home(), installation.Controller, err)
	}
	return judgeLease(lease, time.Now(), restart(c, installation.Controller)), nil
}

func judgeLease(lease *coordinationv1.Lease, now time.Time, fix string) []Finding {
	holder, renewed := ptr.Deref(lease.Spec.HolderIdentity, ""), lease.Spec.RenewTime
	if holder == "" || renewed == nil {
		return []Finding{failure(fix, "no controller holds the lease")}
	}
	// The clocks of this machine and of the node may differ, so a lease that has just run out is not taken for lost.
	limit := 3 * time.Duration(ptr.Deref(lease.Spec.LeaseDurationSeconds, 10)) * time.Second
	if age := now.Sub(renewed.Time); age > limit {
		return []Finding{failure(fix, "the lease was last renewed %v ago, by %s", age.Round(time.Second), holder)}
	}
	return ok("held by %s", holder)
}
