// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"context"
	"time"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// longestHold is how long a call is left without an answer when the recording does not say how long it was.
const longestHold = 10 * time.Minute

// fail plays a recorded failure.
func (c *connection) fail(ctx context.Context, r *trafficpb.Record, received time.Time) {
	switch r.GetFailure() {
	case "timeout":
		d := patience(r)
		if d == 0 {
			d = longestHold
		}
		c.hold(d)
		_ = c.Close()
	case "eof":
		if c.wait(ctx, patience(r), received) {
			c.finish()
		}
	default: // "reset", and all that a connection can be refused with
		if c.wait(ctx, patience(r), received) {
			c.reset()
		}
	}
}
