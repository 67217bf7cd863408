// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// soOriginalDst is SO_ORIGINAL_DST of <linux/netfilter_ipv4.h>, and IP6T_SO_ORIGINAL_DST.
const soOriginalDst = 80

// OriginalDestination asks the kernel where a redirected connection was going.
func OriginalDestination(c *net.TCPConn) (netip.AddrPort, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("reading the original destination: %w", err)
	}
	get := destination6
	if remote, ok := c.RemoteAddr().(*net.TCPAddr); ok && remote.IP.To4() != nil {
		get = destination4
	}
	var to netip.AddrPort
	var sockErr error
	if err := raw.Control(func(fd uintptr) { to, sockErr = get(int(fd)) }); err != nil {
		return netip.AddrPort{}, fmt.Errorf("reading the original destination: %w", err)
	}
	if sockErr != nil {
		return netip.AddrPort{}, fmt.Errorf("reading the original destination: %w", sockErr)
	}
	return to, nil
}

// destination4 reads a sockaddr_in. IPv6Mreq is merely a structure of enough bytes that x/sys can ask for.
func destination4(fd int) (netip.AddrPort, error) {
	answer, err := unix.GetsockoptIPv6Mreq(fd, unix.IPPROTO_IP, soOriginalDst)
	if err != nil {
		return netip.AddrPort{}, err
	}
	b := answer.Multiaddr[:] // family, port, address
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), binary.BigEndian.Uint16(b[2:4])), nil
}

// destination6 reads a sockaddr_in6, with which IPv6MTUInfo begins.
func destination6(fd int) (netip.AddrPort, error) {
	answer, err := unix.GetsockoptIPv6MTUInfo(fd, unix.IPPROTO_IPV6, soOriginalDst)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port := (*[2]byte)(unsafe.Pointer(&answer.Addr.Port)) // in network order
	return netip.AddrPortFrom(netip.AddrFrom16(answer.Addr.Addr), binary.BigEndian.Uint16(port[:])), nil
}
