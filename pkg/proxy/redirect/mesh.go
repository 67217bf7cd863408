// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redirect

import (
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/restage-dev/restage/pkg/wiring"
)

// The proxy of a mesh may be in the pod as well, with rules of its own. All that kernel and mesh do with NAT is at priority -100, and of
// chains at one priority the one that was made last goes first, which depends on the order of init containers. So ours have other ones.
const (
	// beforeMesh: what the workload calls comes to us first, then to the mesh, and in the clear.
	beforeMesh nftables.ChainPriority = -101
	// afterMesh: what comes into the pod the mesh takes first, which ends its TLS, and hands it on in the clear.
	afterMesh nftables.ChainPriority = -99
)

// Marks by which the kernel tells the proxies of meshes from a workload.
const (
	istioUID   = 1337
	linkerdUID = 2102
	// ztunnel of Istio's ambient mode marks its sockets: it listens in the pods' networks and runs elsewhere.
	ambientMark, ambientMask = 0x539, 0xfff
)

// envoySources are where Istio's proxy calls the workload from. What it sends to its own pod from elsewhere is on its way to itself.
var envoySources = []netip.Addr{netip.MustParseAddr("127.0.0.6"), netip.MustParseAddr("::6")}

// meshProxies are the matches of what the proxies of meshes send.
func meshProxies() [][]expr.Any {
	return [][]expr.Any{uid(istioUID), uid(linkerdUID), mark(ambientMark, ambientMask)}
}

// fromMesh are the matches of what such a proxy hands on to the workload.
func fromMesh() [][]expr.Any {
	var matches [][]expr.Any
	for _, source := range envoySources {
		matches = append(matches, append(uid(istioUID), sourceIn(only(source))...))
	}
	return append(matches, append(uid(linkerdUID), within()...), append(mark(ambientMark, ambientMask), within()...))
}

// captureBesideMesh leads to the inbound port what the proxy of a mesh hands on to the workload, and leaves alone what else it sends: it has
// been recorded when the workload sent it, and would come round for ever.
func (t *tableWriter) captureBesideMesh(output *nftables.Chain, inbound []uint16) {
	for _, match := range fromMesh() {
		for _, port := range inbound {
			t.rule(output, match, protocol(unix.IPPROTO_TCP), destinationPort(port), redirectTo(wiring.ProxyInboundPort))
		}
	}
	for _, match := range meshProxies() {
		t.rule(output, match, verdict(expr.VerdictReturn))
	}
}

// claim takes a connection of the proxy to the responder as if it were redirected, to where it goes anyway: then no chain that comes after
// does anything about it, and a mesh does not lead it back to the proxy.
func (t *tableWriter) claim(output *nftables.Chain, to netip.AddrPort) {
	family := uint32(unix.NFPROTO_IPV4)
	if to.Addr().Is6() {
		family = unix.NFPROTO_IPV6
	}
	const address, port = register, register + 1
	t.rule(output, user(expr.CmpOpEq), destinationIn(only(to.Addr())), protocol(unix.IPPROTO_TCP), destinationPort(to.Port()), []expr.Any{
		&expr.Immediate{Register: address, Data: to.Addr().AsSlice()},
		&expr.Immediate{Register: port, Data: binaryutil.BigEndian.PutUint16(to.Port())},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: family, RegAddrMin: address, RegProtoMin: port, Specified: true},
	})
}
