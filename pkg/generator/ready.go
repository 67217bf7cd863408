// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/restage-dev/restage/pkg/report"
)

// readyTimeout bounds the wait for the snapshot, and then that for the targets and the responder.
const readyTimeout = time.Minute

// ready waits until the targets accept connections and the environment has answered.
func (r *replay) ready(ctx context.Context, p *plan) error {
	wait, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, target := range p.targets() {
		if err := awaitTarget(wait, target); err != nil {
			return invalidError{report.ReasonTargetUnreachable, fmt.Errorf("waiting for %s to accept connections: %w", target, err)}
		}
	}
	if r.settings.Control == "" {
		return nil
	}
	c, err := newClient(r.settings.Control, r.EnvironmentTokenFile)
	if err != nil {
		return err
	}
	r.env = &environment{control: c, log: r.Log}
	return r.env.await(wait)
}

// awaitTarget returns when the target accepts a connection. The error is of the last attempt that ctx did not cut short, since that one
// says only that time was up.
func awaitTarget(ctx context.Context, target string) error {
	var last error
	return retry(ctx, func() (bool, error) {
		dialer := net.Dialer{Timeout: controlTimeout}
		conn, err := dialer.DialContext(ctx, "tcp", target)
		if err == nil {
			return true, conn.Close()
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		return false, last
	})
}
