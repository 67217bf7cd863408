// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restage-dev/restage/pkg/proxy/redirect"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	probeTimeout = 10 * time.Second // of each name and address
	probeError   = 500              // bytes of an error that are kept
)

// probePort is recorded by the rules that the probe writes; nothing listens there.
const probePort = 9898

// probeResponder is a documentation address: nothing is ever sent there.
var probeResponder = netip.MustParseAddrPort("192.0.2.2:4141")

// Probe finds out whether this pod could be recorded and isolated, by doing what a recorded pod and a copy do. It resolves names and
// connects first, since afterwards nothing leaves the pod.
func Probe(ctx context.Context, names, addresses []string) wiring.ProbeResult {
	result := wiring.ProbeResult{Kernel: kernel(), Names: map[string]string{}, Connect: map[string]string{}}
	for _, name := range names {
		result.Names[name] = brief(resolve(ctx, name))
	}
	for _, address := range addresses {
		result.Connect[address] = brief(connect(ctx, address))
	}
	result.Capture = brief(redirect.Capture([]uint16{probePort}))
	err := redirect.Isolate(probeResponder, probeResponder)
	if err == nil {
		if err = redirect.CheckIsolated(ctx); err != nil {
			err = fmt.Errorf("the rules do not isolate the pod: %w", err)
		}
	}
	result.Isolate = brief(err)
	return result
}

func resolve(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, err := net.DefaultResolver.LookupHost(ctx, name)
	return err
}

func connect(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Release[:])
}

func brief(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	return text[:min(len(text), probeError)]
}
