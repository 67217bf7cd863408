// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package failure turns errors of storage into what a caller is told.
package failure

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/traffic/store"
)

// Status returns the status for an error that came up while doing something: NotFound, the end of the context, an error
// that is a status already, or Unavailable, of which only the log tells the details.
func Status(ctx context.Context, err error, format string, arguments ...any) error {
	doing := fmt.Sprintf(format, arguments...)
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	if store.IsNotFound(err) {
		return status.Errorf(codes.NotFound, "%s: there is no such object", doing)
	}
	if s, ok := status.FromError(err); ok {
		return s.Err()
	}
	klog.FromContext(ctx).Error(err, "Call failed", "doing", doing)
	return status.Errorf(codes.Unavailable, "%s failed; try again, the log of the forwarder says why", doing)
}
