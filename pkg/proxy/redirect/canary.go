// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redirect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/restage-dev/restage/pkg/proxy/relay"
	"github.com/restage-dev/restage/pkg/wiring"
)

// canaries are addresses for documentation (TEST-NET-1 and 2001:db8::/32), where nobody answers.
var canaries = []netip.AddrPort{
	netip.MustParseAddrPort("192.0.2.1:80"),
	netip.MustParseAddrPort("[2001:db8::1]:80"),
}

const canaryTimeout = 2 * time.Second

// CheckIsolated tries to leave: a TCP connection must arrive at the proxy's port, where this function listens, and a
// UDP datagram must be refused by the kernel. An address without a route cannot be left by either. Where the proxy
// itself listens already, as when an init container runs again, only UDP is tried: a connection would end at the proxy.
func CheckIsolated(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, canaryTimeout*time.Duration(len(canaries)))
	defer cancel()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{Port: wiring.ProxyOutboundPort})
	running := errors.Is(err, syscall.EADDRINUSE)
	if err != nil && !running {
		return fmt.Errorf("listening in the proxy's place: %w", err)
	}
	if !running {
		defer listener.Close()
	}
	for _, canary := range canaries {
		if !running {
			if err := checkTCP(ctx, listener, canary); err != nil {
				return fmt.Errorf("TCP to %s: %w", canary, err)
			}
		}
		if err := checkUDP(ctx, canary); err != nil {
			return fmt.Errorf("UDP to %s: %w", canary, err)
		}
	}
	return nil
}

func checkTCP(ctx context.Context, listener *net.TCPListener, canary netip.AddrPort) error {
	dialer := net.Dialer{Timeout: canaryTimeout}
	out, err := dialer.DialContext(ctx, "tcp", canary.String())
	if unroutable(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the connection was not redirected: %w", err)
	}
	defer out.Close()
	if err := listener.SetDeadline(time.Now().Add(canaryTimeout)); err != nil {
		return err
	}
	in, err := listener.AcceptTCP()
	if err != nil {
		return fmt.Errorf("the connection went elsewhere: %w", err)
	}
	defer in.Close()
	to, err := relay.OriginalDestination(in)
	if err != nil {
		return err
	}
	if to != canary {
		return fmt.Errorf("the kernel says that the connection was to %s", to)
	}
	return nil
}

func checkUDP(ctx context.Context, canary netip.AddrPort) error {
	var dialer net.Dialer
	out, err := dialer.DialContext(ctx, "udp", canary.String())
	if err == nil {
		defer out.Close()
		_, err = out.Write([]byte("restage canary"))
	}
	switch {
	case unroutable(err) || errors.Is(err, syscall.EPERM):
		return nil
	case err == nil:
		return errors.New("the datagram was sent")
	}
	return err
}

// unroutable tells that the kernel has no way to the address at all.
func unroutable(err error) bool {
	for _, errno := range []syscall.Errno{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
