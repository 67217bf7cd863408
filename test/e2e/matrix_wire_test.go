// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restage-dev/restage/pkg/wiring"
)

// mostNamed bounds how many packets an error names.
const mostNamed = 20

// shutIn checks every packet that a pod of an environment has sent, since its link came up. Allowed are connections to the responder of its
// environment, answers in connections that others opened, and what the kernel itself says to know its neighbours.
func (w *watcher) shutIn(t *testing.T, packets []packet) {
	t.Helper()
	links := map[uint32]string{} // to pod addresses
	for _, p := range packets {
		if address := p.from.Addr().String(); !p.toPod && (w.copies[address] != "" || address == w.loose) {
			links[p.device] = address
		}
	}
	type connection struct{ from, to netip.AddrPort }
	opened := map[connection]bool{} // by others
	led := map[string]int{}         // packets to the responder, by environment
	control := map[string]bool{}    // what got out of the pod that is not shut in
	speaksIPv6 := false             // where the machine has it, every link does
	var escaped []string
	for _, p := range packets {
		address, known := links[p.device]
		speaksIPv6 = speaksIPv6 || known && p.kind == unix.ETH_P_IPV6
		environment := w.copies[address]
		switch {
		case !known:
		case p.toPod:
			if p.protocol == unix.IPPROTO_TCP && p.flags&(flagSYN|flagACK) == flagSYN {
				opened[connection{p.to, p.from}] = true
			}
		case address == w.loose:
			control[wayOut(p)] = true
		case p.protocol == unix.IPPROTO_TCP && opened[connection{p.from, p.to}] && p.flags&(flagSYN|flagACK) != flagSYN:
		case p.protocol == unix.IPPROTO_TCP && isResponder(p.to, w.responders[environment]):
			led[environment]++
		case ofTheKernel(p):
		default:
			escaped = append(escaped, environment+": "+p.String())
		}
	}
	if len(escaped) > 0 {
		t.Errorf("%d packets left their environments:\n%s", len(escaped), strings.Join(escaped[:min(len(escaped), mostNamed)], "\n"))
	}
	for address, environment := range w.copies {
		if led[environment] == 0 {
			t.Errorf("the node saw nothing of environment %s (%s), so it proves nothing", environment, address)
		}
	}
	for _, way := range []string{"TCP", "UDP 443", "UDP 53", "fragment", "ICMP", "IGMP", "frame", "IPv6"} {
		if !control[way] && (way != "IPv6" || speaksIPv6) {
			t.Errorf("of a pod that is not shut in the node saw %v, but no %s: the check proves nothing of it", control, way)
		}
	}
	t.Logf("%d packets of %d pods of environments: to the responders %v; a pod outside got out by %v", len(packets), len(links)-1, led, control)
}

func isResponder(to netip.AddrPort, addresses []string) bool {
	return slices.Contains(addresses, to.Addr().String()) && (to.Port() == wiring.ResponderTunnelPort || to.Port() == wiring.ResponderControlPort)
}

// Types of ICMPv6 by which a kernel gets to know its link (RFC 4861 and, for its own groups, RFC 3810).
const (
	routerSolicit   = 133
	neighbourAdvert = 136
	listenerReport  = 143
)

// ofTheKernel tells whether a packet is of those that no program sends: ARP, and what IPv6 needs of its link.
func ofTheKernel(p packet) bool {
	switch p.kind {
	case unix.ETH_P_ARP:
		return true
	case unix.ETH_P_IPV6:
		return p.protocol == unix.IPPROTO_ICMPV6 && (p.first >= routerSolicit && p.first <= neighbourAdvert || p.first == listenerReport)
	}
	return false
}

// wayOut names what a pod that nobody holds does.
func wayOut(p packet) string {
	switch {
	case p.kind == unix.ETH_P_IPV6 && !ofTheKernel(p):
		return "IPv6"
	case p.kind != unix.ETH_P_IP:
		return map[bool]string{true: "neighbours", false: "frame"}[ofTheKernel(p)]
	case p.protocol == unix.IPPROTO_UDP && (p.to.Port() == 443 || p.to.Port() == 53):
		return fmt.Sprintf("UDP %d", p.to.Port())
	case p.protocol == unix.IPPROTO_UDP:
		return "fragment" // the first, or one that has no ports
	}
	return map[byte]string{unix.IPPROTO_TCP: "TCP", unix.IPPROTO_ICMP: "ICMP", unix.IPPROTO_IGMP: "IGMP"}[p.protocol]
}
