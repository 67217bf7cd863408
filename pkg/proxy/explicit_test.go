// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What fails is a wall only when it fails again and again, for some seconds, while the responder is reached. The letters are what becomes of one
// connection after the other: + passes, - fails; the last goes on for ever. They are canaryPause apart.
func TestCanary(t *testing.T) {
	responder, canary := netip.MustParseAddrPort("10.0.0.1:4142"), netip.MustParseAddrPort("10.96.0.1:443")
	refusedFor := func(d time.Duration) string { return strings.Repeat("-", int(d/canaryPause)) }
	for _, test := range []struct {
		name              string
		canary, responder string
		held, failed      bool
		canaries          int // at least
	}{
		{name: "a wall", canary: "-", responder: "+", held: true, canaries: 21},
		{name: "a wall that comes late", canary: "++++-", responder: "+", held: true, canaries: 25},
		{name: "no wall", canary: "+", responder: "+"},
		{name: "no wall, and a connection is lost", canary: "-+", responder: "+"},
		{name: "no wall, and connections are lost", canary: "--+--+", responder: "+"},
		{name: "no wall, and the API server starts again", canary: refusedFor(2*time.Second) + "+", responder: "+"},
		{name: "no wall, and the API server starts again and again", canary: refusedFor(2*time.Second) + "+" + refusedFor(4*time.Second) + "+", responder: "+"},
		{name: "no wall, and the network is away for a while", canary: refusedFor(canaryWall) + "-+", responder: "+--+"},
		{name: "a wall, and the network is away for a while", canary: "-", responder: "+--+", held: true, canaries: 42},
		{name: "the network goes and does not come back", canary: "-", responder: "+-", failed: true},
		{name: "no responder", canary: "+", responder: "-", failed: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dials := map[netip.AddrPort]int{}
				dial := func(_ context.Context, to netip.AddrPort) error {
					script := test.responder
					if to == canary {
						script = test.canary
					}
					n := dials[to]
					dials[to]++
					if script[min(n, len(script)-1)] == '+' {
						return nil
					}
					return errors.New("refused")
				}
				held, err := tryToLeave(t.Context(), dial, responder, canary, 15*time.Second, slog.New(slog.DiscardHandler))
				if held != test.held || (err != nil) != test.failed || dials[canary] < test.canaries {
					t.Errorf("held %t, error %v, after %d connections to the canary", held, err, dials[canary])
				}
			})
		})
	}
}
