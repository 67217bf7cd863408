// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redirect

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// ownAddresses are the addresses of this network: loopback, and what its interfaces have by now. One that comes later is not among them.
func ownAddresses() ([]netip.Prefix, error) {
	own := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("reading the pod's addresses: %w", err)
	}
	for _, address := range addresses {
		prefix, err := netip.ParsePrefix(address.String())
		if err != nil {
			return nil, fmt.Errorf("reading the pod's addresses: %w", err)
		}
		if !prefix.Addr().IsLoopback() {
			own = append(own, only(prefix.Addr()))
		}
	}
	return own, nil
}

// keepWithin accepts what the pod says to itself: from one of its addresses, by lo. Anybody can send from an address that is not the pod's;
// what the pod answers to that would be a reply, and leave. So would a reply to what it said to itself that is sent by the link.
func (t *tableWriter) keepWithin(filter *nftables.Chain, own []netip.Prefix) {
	for _, address := range own {
		t.rule(filter, within(), sourceIn(address), accept())
	}
	for _, address := range own {
		t.rule(filter, destinationIn(address), counter(), verdict(expr.VerdictDrop))
	}
}
