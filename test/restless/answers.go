// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// What the pod answers may leave it. These attempts have the pod call itself in another's name, or by loopback, so that what it sends out
// after that looks like an answer.

var (
	stranger4, loopback4 = netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("127.0.0.1")
	stranger6, loopback6 = netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("::1")
)

// end is where one side of a conversation has its socket: the zero address is the pod's own, and the socket may be bound to a device.
type end struct {
	address netip.Addr
	device  string
}

// answers are such attempts.
func answers() []attempt {
	return []attempt{
		{"UDP that answers a stranger", answer(end{address: stranger4}, end{})},
		{"UDP that answers a stranger over IPv6", answer(end{address: stranger6}, end{})},
		{"TCP that answers a stranger", acceptStranger(stranger4)},
		{"TCP that answers a stranger over IPv6", acceptStranger(stranger6)},
		{"an ICMP error to a stranger", refuseStranger(stranger4)},
		{"an ICMP error to a stranger over IPv6", refuseStranger(stranger6)},
		{"UDP that answers itself by the link", answer(end{device: "lo"}, end{device: "eth0"})},
		{"UDP that answers loopback by the link", answer(end{loopback4, "lo"}, end{device: "eth0"})},
		{"UDP that answers loopback by the link over IPv6", answer(end{loopback6, "lo"}, end{device: "eth0"})},
		{"UDP that answers loopback as a stranger by the link", answer(end{loopback4, "lo"}, end{stranger4, "eth0"})},
		{"UDP that answers loopback as a stranger by the link over IPv6", answer(end{loopback6, "lo"}, end{stranger6, "eth0"})},
	}
}

// answer sends from one end to the other, and back. Whether either arrives is not asked.
func answer(asks, answers end) func() error {
	return func() error {
		own, err := ownAddress(!asks.address.Is6() && !answers.address.Is6())
		if err != nil {
			return err
		}
		asking, err := asks.open(own)
		if err != nil {
			return err
		}
		defer asking.Close()
		answering, err := answers.open(own)
		if err != nil {
			return err
		}
		defer answering.Close()
		at := func(socket *net.UDPConn) netip.AddrPort { return socket.LocalAddr().(*net.UDPAddr).AddrPort() }
		_, askErr := asking.WriteToUDPAddrPort([]byte("restless asks"), at(answering))
		_, answerErr := answering.WriteToUDPAddrPort([]byte("restless answers"), at(asking))
		return errors.Join(askErr, answerErr)
	}
}

// acceptStranger has the stranger call a server of the pod: the kernel accepts by itself.
func acceptStranger(stranger netip.Addr) func() error {
	return func() error {
		own, err := ownAddress(stranger.Is4())
		if err != nil {
			return err
		}
		server, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(own, 0)))
		if err != nil {
			return err
		}
		defer server.Close()
		dialer := net.Dialer{
			Timeout: patience, Control: control(""),
			LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(stranger, 0)),
		}
		conn, err := dialer.DialContext(context.Background(), "tcp", server.Addr().String())
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// refuseStranger has the stranger send to a port of the pod that is closed: the kernel says so by itself.
func refuseStranger(stranger netip.Addr) func() error {
	return func() error {
		own, err := ownAddress(stranger.Is4())
		if err != nil {
			return err
		}
		asking, err := end{address: stranger}.open(own)
		if err != nil {
			return err
		}
		defer asking.Close()
		_, err = asking.WriteToUDPAddrPort([]byte("restless"), netip.AddrPortFrom(own, 9))
		return err
	}
}

// open returns a socket of the end.
func (e end) open(own netip.Addr) (*net.UDPConn, error) {
	address := own
	if e.address.IsValid() {
		address = e.address
	}
	network := "udp6"
	if address.Is4() {
		network = "udp4"
	}
	config := net.ListenConfig{Control: control(e.device)}
	conn, err := config.ListenPacket(context.Background(), network, netip.AddrPortFrom(address, 0).String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

// control lets a socket have any address, which no capability is needed for, and one device if it has a name.
func control(device string) func(network, address string, socket syscall.RawConn) error {
	return func(network, _ string, socket syscall.RawConn) (err error) {
		level, option := unix.IPPROTO_IPV6, unix.IPV6_FREEBIND
		if network[len(network)-1] == '4' {
			level, option = unix.IPPROTO_IP, unix.IP_FREEBIND
		}
		controlErr := socket.Control(func(fd uintptr) {
			if err = unix.SetsockoptInt(int(fd), level, option, 1); err == nil && device != "" {
				err = unix.BindToDevice(int(fd), device)
			}
		})
		return errors.Join(controlErr, err)
	}
}

// ownAddress is one that others know the pod by.
func ownAddress(four bool) (netip.Addr, error) {
	device, err := net.InterfaceByName("eth0")
	if err != nil {
		return netip.Addr{}, err
	}
	addresses, err := device.Addrs()
	if err != nil {
		return netip.Addr{}, err
	}
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil && prefix.Addr().Is4() == four && prefix.Addr().IsGlobalUnicast() {
			return prefix.Addr(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("the pod has no such address: IPv4 %t", four)
}
