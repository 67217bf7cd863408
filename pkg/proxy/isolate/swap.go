// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package isolate

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/restage-dev/restage/pkg/proxy/relay"
)

// ServeSwapped takes the calls to a port of the pod that the workload listened on in production, and passes them on to where it listens in
// this pod, until the context ends. It listens at the pod's address alone, so that names can be stood in for on the same port.
func (i *Isolate) ServeSwapped(ctx context.Context, port, to uint16) error {
	address, err := netip.ParseAddr(i.settings.PodIP)
	if err != nil {
		return fmt.Errorf("the pod's address, which swapped ports need: %w", err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", netip.AddrPortFrom(address, port).String())
	if err != nil {
		return fmt.Errorf("listening in the workload's place: %w", err)
	}
	l := &relay.Listener{
		TCPListener: listener.(*net.TCPListener), Handle: i.passOn, Log: i.log, At: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), to),
	}
	return l.Serve(ctx)
}

// passOn resets a connection that the workload does not take, as the kernel would without a proxy between.
func (i *Isolate) passOn(ctx context.Context, client *net.TCPConn, to netip.AddrPort) {
	dialer := net.Dialer{Timeout: openTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		i.log.Debug("The workload refused a connection", "to", to.String(), "err", err)
		relay.Reset(client)
		return
	}
	relay.Run(client, conn.(*net.TCPConn), nil, nil, new(relay.Traffic))
}
