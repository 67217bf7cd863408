// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package redirect writes the nftables rules that lead a pod's connections to the proxy. The rules are in one
// table of family inet, so they are the same for IPv4 and IPv6, and are replaced in one transaction.
package redirect

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/restage-dev/restage/pkg/wiring"
)

// TableName is the table that all rules are in.
const TableName = "restage"

// Capture writes the rules of capture mode: outbound TCP and inbound TCP to the given ports go to the proxy.
func Capture(inbound []uint16) error {
	return replace(func(t *tableWriter) {
		output := t.natChain("output", nftables.ChainHookOutput, beforeMesh)
		t.captureBesideMesh(output, inbound)
		t.redirectOutbound(output)
		prerouting := t.natChain("prerouting", nftables.ChainHookPrerouting, afterMesh)
		for _, port := range inbound {
			t.rule(prerouting, protocol(unix.IPPROTO_TCP), destinationPort(port), redirectTo(wiring.ProxyInboundPort))
		}
	})
}

// Isolate writes the rules of isolate mode: DNS and TCP go to the proxy, the proxy reaches the two addresses of the
// responder, and nothing else leaves.
func Isolate(responder, control netip.AddrPort) error {
	own, err := ownAddresses()
	if err != nil {
		return err
	}
	return replace(func(t *tableWriter) {
		output := t.natChain("output", nftables.ChainHookOutput, beforeMesh)
		t.claim(output, responder)
		t.claim(output, control)
		for _, transport := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
			t.rule(output, user(expr.CmpOpNeq), protocol(transport), destinationPort(53), redirectTo(wiring.ProxyDNSPort))
		}
		t.redirectOutbound(output)

		// The interface that a packet really takes is known only after it was redirected and routed anew. No address says as much: a socket
		// that is bound to the link sends there what is for a loopback address, too.
		filter := t.dropChain("filter", nftables.ChainHookPostrouting)
		t.keepWithin(filter, own)
		t.rule(filter, state(expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED), reply(), accept())
		for _, to := range []netip.AddrPort{responder, control} {
			address := only(to.Addr())
			t.rule(filter, user(expr.CmpOpEq), destinationIn(address), protocol(unix.IPPROTO_TCP), destinationPort(to.Port()), accept())
			// Packets that the kernel sends for such a connection when its socket is closed have no user.
			t.rule(filter, state(expr.CtStateBitESTABLISHED), destinationIn(address), protocol(unix.IPPROTO_TCP), destinationPort(to.Port()), accept())
		}
		for _, kind := range []byte{icmp6RouterSolicit, icmp6NeighbourSolicit, icmp6NeighbourAdvert} {
			t.rule(filter, protocol(unix.IPPROTO_ICMPV6), icmp6Type(kind), accept())
		}
		t.rule(filter, counter()) // of what falls through to the policy
	})
}

// redirectOutbound leads TCP that is neither the proxy's nor to an address of the pod itself to the outbound port.
func (t *tableWriter) redirectOutbound(output *nftables.Chain) {
	t.rule(output, user(expr.CmpOpEq), verdict(expr.VerdictReturn))
	t.rule(output, within(), verdict(expr.VerdictReturn))
	t.rule(output, protocol(unix.IPPROTO_TCP), redirectTo(wiring.ProxyOutboundPort))
}

// tableWriter collects what one transaction writes.
type tableWriter struct {
	conn  *nftables.Conn
	table *nftables.Table
}

// replace removes the table, if it is there, and writes it anew, all at once.
func replace(write func(*tableWriter)) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening nftables: %w", err)
	}
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: TableName}
	conn.AddTable(table) // deleting one that is not there would fail
	conn.DelTable(table)
	write(&tableWriter{conn: conn, table: conn.AddTable(table)})
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("writing the nftables table %s: %w", TableName, err)
	}
	return nil
}

func (t *tableWriter) natChain(name string, hook *nftables.ChainHook, priority nftables.ChainPriority) *nftables.Chain {
	return t.conn.AddChain(&nftables.Chain{
		Name: name, Table: t.table, Type: nftables.ChainTypeNAT, Hooknum: hook, Priority: &priority,
	})
}

func (t *tableWriter) dropChain(name string, hook *nftables.ChainHook) *nftables.Chain {
	drop := nftables.ChainPolicyDrop
	return t.conn.AddChain(&nftables.Chain{
		Name: name, Table: t.table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter, Policy: &drop,
	})
}

// rule adds a rule made of matches and what is done.
func (t *tableWriter) rule(chain *nftables.Chain, parts ...[]expr.Any) {
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: slices.Concat(parts...)})
}
