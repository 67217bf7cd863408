// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/restage-dev/restage/pkg/proxy/relay"
	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// dialTimeout bounds connecting to the copy of a workload.
const dialTimeout = 5 * time.Second

// Routes lead connections to the copies of other workloads of the environment, instead of playing the recording. The proxies of an
// environment reach nothing but the responder, so that whatever one of them sends to another passes here and is counted.
type Routes struct {
	addresses map[destination]string
	taken     atomic.Int64
	traffic   relay.Traffic
}

// destination is what a workload calls.
type destination struct {
	host string // name or address, in lower case
	port uint32
}

// NewRoutes returns the routes that the settings name. When two name the same destination the first counts.
func NewRoutes(settings []wiring.Route) *Routes {
	r := &Routes{addresses: map[destination]string{}}
	for _, route := range settings {
		for _, name := range route.Names {
			to := destination{strings.ToLower(name), uint32(route.Port)}
			if _, ok := r.addresses[to]; !ok {
				r.addresses[to] = route.Address
			}
		}
	}
	return r
}

// AddPorts adds the names, not addresses, that lead to copies to others, with their ports, and returns them. The ports of a name are in order.
func (r *Routes) AddPorts(ports map[string][]uint16) map[string][]uint16 {
	for to := range r.addresses {
		if net.ParseIP(to.host) != nil {
			continue
		}
		list, port := ports[to.host], uint16(to.port)
		if at, ok := slices.BinarySearch(list, port); !ok {
			ports[to.host] = slices.Insert(list, at, port)
		}
	}
	return ports
}

// Taken counts the connections that were led to copies.
func (r *Routes) Taken() int64 { return r.taken.Load() }

// find returns the host:port of the copy that a connection is meant for.
func (r *Routes) find(hello *trafficpb.TunnelHello) (address string, ok bool) {
	for _, host := range []string{match.HostName(hello.GetHost()), match.HostName(hello.GetAddress())} {
		if address, ok = r.addresses[destination{host, hello.GetPort()}]; ok && host != "" {
			return address, true
		}
	}
	return "", false
}

// lead passes a connection on to a copy until it ends. It is reset when the copy cannot be reached: nothing else takes its place.
func (s *Server) lead(ctx context.Context, tunnel *net.TCPConn, address string) {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		s.warn.Do(func() {
			s.log.Warn("The copy of a workload cannot be reached, a connection to it is reset", "to", address, "err", err)
		})
		relay.Reset(tunnel)
		return
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	s.routes.taken.Add(1)
	relay.Run(tunnel, conn.(*net.TCPConn), nil, nil, &s.routes.traffic)
}
