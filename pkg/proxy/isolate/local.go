// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package isolate

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/restage-dev/restage/pkg/proxy/relay"
)

// maxListeners bounds the sockets that are opened for names. Further names are refused.
const maxListeners = 1024

// local listens at the addresses of names, on the ports at which each was called, for a pod without rules that would lead connections
// to the proxy. It does so when a name is asked for: a recording may have thousands, of which a workload uses few.
type local struct {
	handle   func(context.Context, *net.TCPConn, netip.AddrPort)
	names    *Names
	ownPorts []uint16
	log      *slog.Logger

	mu      sync.Mutex
	ports   map[string][]uint16
	opened  map[netip.Addr]error
	sockets int
}

func newLocal(i *Isolate) *local {
	return &local{handle: i.Outbound, names: i.names, ownPorts: i.settings.OwnPorts, log: i.log, opened: map[netip.Addr]error{}}
}

// load sets the ports of the names.
func (l *local) load(ports map[string][]uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ports = map[string][]uint16{}
	for name, list := range ports {
		l.ports[canonical(name)] = list
	}
}

// listen opens the sockets of a name, once, and serves them until the context ends. With an error the name must not be given away: what
// is called there would reach somebody else, or nobody.
func (l *local) listen(ctx context.Context, addr netip.Addr) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err, done := l.opened[addr]
	if done {
		return err
	}
	name := l.names.Name(addr)
	err = l.open(ctx, addr, l.ports[name])
	if err != nil {
		l.log.Warn("The proxy cannot stand in for a name; only clients that heed the proxy variables reach it", "name", name, "err", err)
	}
	l.opened[addr] = err
	return err
}

// open listens on all ports or on none.
func (l *local) open(ctx context.Context, addr netip.Addr, ports []uint16) (err error) {
	var listeners []*relay.Listener
	defer func() {
		if err == nil {
			return
		}
		for _, listener := range listeners {
			listener.Close()
		}
	}()
	for _, port := range ports {
		if slices.Contains(l.ownPorts, port) {
			return fmt.Errorf("it was called on port %d, which the workload itself listens on", port)
		}
		if l.sockets+len(listeners) >= maxListeners {
			return fmt.Errorf("the proxy listens on %d sockets already, which is the most", maxListeners)
		}
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp4", netip.AddrPortFrom(addr, port).String())
		if err != nil {
			return err
		}
		to := netip.AddrPortFrom(addr, port)
		listeners = append(listeners, &relay.Listener{TCPListener: listener.(*net.TCPListener), Handle: l.handle, Log: l.log, At: to})
	}
	for _, listener := range listeners {
		l.sockets++
		go func() { _ = listener.Serve(ctx) }() // ends with the context, or because the proxy closed it
	}
	return nil
}
