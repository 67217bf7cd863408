// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/restage-dev/restage/pkg/proxy/redirect"
)

// InitCapture writes the rules of capture mode. A pod never depends upon being recorded: when the rules cannot be
// written, it runs without, and the log says so.
func InitCapture(ports []uint16, log *slog.Logger) {
	if err := redirect.Capture(ports); err != nil {
		log.Error("The redirect rules could not be written, the pod runs unrecorded", "err", err)
		return
	}
	log.Info("Traffic is redirected to be recorded", "inbound", ports)
}

// InitIsolate writes the rules of isolate mode and makes sure that they hold. With an error the pod must not start;
// what was written stays.
func InitIsolate(ctx context.Context, responder, control netip.AddrPort, log *slog.Logger) error {
	if err := redirect.Isolate(responder, control); err != nil {
		return err
	}
	if err := redirect.CheckIsolated(ctx); err != nil {
		return fmt.Errorf("the rules do not isolate the pod: %w", err)
	}
	log.Info("The pod is isolated", "responder", responder.String(), "control", control.String())
	return nil
}
