// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"time"
)

// Pauses between attempts double from the first to the last.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// retry calls attempt until it says that it is done or the context ends, and returns its last error. An attempt
// that is done without an error is success. One that the end of the context cut off says less than the one before it.
func retry(ctx context.Context, attempt func() (done bool, err error)) error {
	var last error
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		done, err := attempt()
		if done {
			return err
		}
		if last != nil && ctx.Err() != nil {
			return last
		}
		last = err
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}
