// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redirect

import (
	"net"
	"net/netip"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/restage-dev/restage/pkg/wiring"
)

// Types of ICMPv6 that neighbour discovery needs (RFC 4861).
const (
	icmp6RouterSolicit    = 133
	icmp6NeighbourSolicit = 135
	icmp6NeighbourAdvert  = 136
)

// register is the one that each match loads what it compares into.
const register = 1

// user compares the user of the packet's socket with the proxy's. A packet without a socket matches neither way.
func user(op expr.CmpOp) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeySKUID, Register: register},
		&expr.Cmp{Op: op, Register: register, Data: binaryutil.NativeEndian.PutUint32(wiring.ProxyUID)},
	}
}

// uid compares it with another one.
func uid(number uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeySKUID, Register: register},
		equal(binaryutil.NativeEndian.PutUint32(number)),
	}
}

// mark compares some bits of the packet's mark.
func mark(bits, mask uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(mask), Xor: make([]byte, 4)},
		equal(binaryutil.NativeEndian.PutUint32(bits)),
	}
}

// within matches packets that stay in the pod: those to its own addresses, loopback or not, which the kernel routes to lo. Whom they are from
// it does not say.
func within() []expr.Any {
	lo := make([]byte, unix.IFNAMSIZ)
	copy(lo, "lo")
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: register},
		equal(lo),
	}
}

func protocol(number byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register},
		equal([]byte{number}),
	}
}

func destinationPort(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		equal(binaryutil.BigEndian.PutUint16(port)),
	}
}

func icmp6Type(kind byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
		equal([]byte{kind}),
	}
}

// destinationIn compares the destination address.
func destinationIn(prefix netip.Prefix) []expr.Any { return addressIn(prefix, 16, 24) }

// sourceIn compares the source address.
func sourceIn(prefix netip.Prefix) []expr.Any { return addressIn(prefix, 12, 8) }

// only is the prefix that has one address.
func only(address netip.Addr) netip.Prefix { return netip.PrefixFrom(address, address.BitLen()) }

// addressIn compares the address at one of two places in the packet, and first the family that the place depends upon.
func addressIn(prefix netip.Prefix, offset4, offset6 uint32) []expr.Any {
	family, offset, length := byte(unix.NFPROTO_IPV4), offset4, uint32(4)
	if prefix.Addr().Is6() {
		family, offset, length = unix.NFPROTO_IPV6, offset6, 16
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register},
		equal([]byte{family}),
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
		&expr.Bitwise{
			SourceRegister: register, DestRegister: register, Len: length,
			Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen()), Xor: make([]byte, length),
		},
		equal(prefix.Masked().Addr().AsSlice()),
	}
}

// state matches a connection in one of the states of conntrack.
func state(bits uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: register},
		&expr.Bitwise{
			SourceRegister: register, DestRegister: register, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: make([]byte, 4)},
	}
}

// reply matches packets from the side that did not open the connection.
func reply() []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeyDIRECTION, Register: register},
		equal([]byte{1}),
	}
}

func redirectTo(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: register, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Redir{RegisterProtoMin: register},
	}
}

func equal(data []byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: data}
}

func verdict(kind expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: kind}} }

func accept() []expr.Any { return verdict(expr.VerdictAccept) }

func counter() []expr.Any { return []expr.Any{&expr.Counter{}} }
