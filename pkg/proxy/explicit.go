// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/restage-dev/restage/pkg/proxy/relay"
)

const (
	// responderTimeout is what the responder has to load the recording; the init container is tried again after that.
	responderTimeout = 5 * time.Minute
	canaryPause      = 250 * time.Millisecond
	canaryDial       = 2 * time.Second
	// canaryTries and canaryWall are how many attempts in a row have to fail, and for how long nothing but failures has to come. They fail for
	// other reasons as well: a packet is lost, the API server starts again and its port is closed for a while. A network that drops what it
	// holds back makes three attempts last longer than that anyway; where it refuses, a pod starts as much later.
	canaryTries = 3
	canaryWall  = 5 * time.Second
)

// InitExplicit tries to leave a pod that has no rules, and tells whether the network held that back: connections to the canary, which is an
// address that answers in every cluster, while the responder can be reached before them and after, without which a network that is not up yet,
// or away, would look like a wall. Patience is what the network has to put the new pod behind its policies. An error says that the responder
// cannot be reached.
func InitExplicit(ctx context.Context, control, canary netip.AddrPort, patience time.Duration, log *slog.Logger) (held bool, err error) {
	return tryToLeave(ctx, dialOnce, control, canary, patience, log)
}

type dialFunc func(ctx context.Context, address netip.AddrPort) error

func tryToLeave(ctx context.Context, dial dialFunc, control, canary netip.AddrPort, patience time.Duration, log *slog.Logger) (held bool, err error) {
	if err := awaitResponder(ctx, dial, control); err != nil {
		return false, err
	}
	deadline := time.Now().Add(patience)
	failures, since := 0, time.Now()
	for {
		began := time.Now()
		err := dial(ctx, canary)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err == nil && time.Now().After(deadline):
			log.Warn("Nothing holds the pod back: the network let a connection out", "canary", canary)
			return false, nil
		case err == nil:
			failures = 0
		default:
			if failures == 0 {
				since = began
			}
			failures++
		}
		if failures >= canaryTries && time.Since(since) >= min(canaryWall, patience) {
			if dial(ctx, control) == nil {
				log.Info("The network holds the pod back", "canary", canary, "err", err)
				return true, nil
			}
			if err := awaitResponder(ctx, dial, control); err != nil {
				return false, err
			}
			failures = 0
		}
		if err := relay.Pause(ctx, canaryPause); err != nil {
			return false, err
		}
	}
}

func awaitResponder(ctx context.Context, dial dialFunc, control netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, responderTimeout)
	defer cancel()
	for {
		err := dial(ctx, control)
		if err == nil {
			return nil
		}
		if relay.Pause(ctx, canaryPause) != nil {
			return fmt.Errorf("reaching the responder: %w", err)
		}
	}
}

func dialOnce(ctx context.Context, address netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, canaryDial)
	defer cancel()
	return connect(ctx, address.String())
}
