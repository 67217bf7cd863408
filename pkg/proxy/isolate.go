// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/restage-dev/restage/pkg/proxy/isolate"
	"github.com/restage-dev/restage/pkg/proxy/relay"
	"github.com/restage-dev/restage/pkg/wiring"
)

// IsolateConfig is what the proxy is told in isolate mode.
type IsolateConfig struct {
	isolate.Settings
	// DNS are the addresses that DNS is answered at.
	DNS []string
	// PortSwaps are ports that the proxy takes in the workload's place, and where the workload listens. Only where the proxy is explicit.
	PortSwaps map[uint16]uint16
	// Outbound and Admin are listened on and closed; nil: the ports of package wiring.
	Outbound, Admin *net.TCPListener
	// OriginalDestination tells where a redirected connection was going; nil asks the kernel.
	OriginalDestination func(*net.TCPConn) (netip.AddrPort, error)
}

// RunIsolate leads the workload's connections to the responder until the context ends.
func RunIsolate(ctx context.Context, config IsolateConfig, log *slog.Logger) error {
	log = log.With("workload", config.Workload, "pod", config.Pod)
	proxy := isolate.New(config.Settings, log)
	host := "" // the rules lead connections to the address that they came from
	if config.Explicit {
		host = loopback
	}
	if err := errors.Join(
		listen(ctx, &config.Outbound, host, wiring.ProxyOutboundPort),
		listen(ctx, &config.Admin, "", wiring.ProxyAdminPort),
	); err != nil {
		return err
	}

	group, ctx := errgroup.WithContext(ctx)
	for _, address := range config.DNS {
		group.Go(func() error { return proxy.ServeDNS(ctx, address) })
	}
	if config.Explicit {
		group.Go(func() error { return proxy.ServeForward(ctx, config.Outbound) })
	} else {
		listener := &relay.Listener{TCPListener: config.Outbound, OriginalDestination: config.OriginalDestination, Handle: proxy.Outbound, Log: log}
		group.Go(func() error { return listener.Serve(ctx) })
	}
	for port, to := range config.PortSwaps {
		group.Go(func() error { return proxy.ServeSwapped(ctx, port, to) })
	}
	group.Go(func() error { return serveAdmin(ctx, config.Admin, proxy.Ready, isolateMetrics(proxy)) })
	group.Go(func() error {
		proxy.Run(ctx)
		return nil
	})
	log.Info("Isolating", "explicit", config.Explicit, "dns", config.DNS, "responder", config.Responder.String())
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

const (
	loopback = "127.0.0.1"
	// ExplicitDNS is where a pod without rules is told to ask for names.
	ExplicitDNS = loopback + ":53"
)

// DNSAddresses are the loopback addresses that DNS is redirected to, of the families that the pod has.
func DNSAddresses(log *slog.Logger) []string {
	port := strconv.Itoa(wiring.ProxyDNSPort)
	addresses := []string{net.JoinHostPort(loopback, port)}
	probe, err := net.ListenPacket("udp", "[::1]:0")
	if err != nil {
		log.Info("The pod has no IPv6, DNS is answered over IPv4 only", "err", err)
		return addresses
	}
	probe.Close()
	return append(addresses, net.JoinHostPort("::1", port))
}
