// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
)

// maxNamed is how many names an error lists.
const maxNamed = 10

// Explain adds to the error of an object of ours that does not exist which ones do. Other errors, and nil, stay as they are.
func Explain(ctx context.Context, c *cluster.Cluster, resource string, err error) error {
	if !apierrors.IsNotFound(err) {
		return err
	}
	return candidates(err, complete.List(ctx, c, v1alpha1.SchemeGroupVersion.WithResource(resource)))
}

// ExplainWorkload does the same for a workload.
func ExplainWorkload(ctx context.Context, c *cluster.Cluster, kind string, err error) error {
	if !apierrors.IsNotFound(err) {
		return err
	}
	return candidates(err, complete.Workloads(ctx, c, kind))
}

func candidates(err error, names []string) error {
	if len(names) == 0 {
		return err
	}
	more := ""
	if left := len(names) - maxNamed; left > 0 {
		names, more = names[:maxNamed], fmt.Sprintf(" and %d more", left)
	}
	return fmt.Errorf("%w; there are %s%s", err, strings.Join(names, ", "), more)
}
