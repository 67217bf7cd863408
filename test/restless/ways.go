// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// proxyUID is the user of the proxy, whose connections are not redirected.
const proxyUID = 15100

const (
	tcpOutside = "203.0.113.7:80"
	metadata   = "169.254.169.254:80"
	protoSCTP  = 132
)

// attempts are all ways out.
func attempts() []attempt {
	all := []attempt{
		{"TCP to the outside", dial("tcp", tcpOutside)},
		{"TCP to the metadata service", dial("tcp", metadata)},
		{"TCP over IPv6", dial("tcp", "[2001:db8::7]:80")},
		{"TCP as the proxy's user", as(proxyUID, dial("tcp", tcpOutside))},
		{"TCP by the link", dialBy("eth0", "tcp", tcpOutside)},
		{"TCP to a loopback address by the link", dialBy("eth0", "tcp", "127.0.0.1:80")},
		{"TCP to a loopback address by the link over IPv6", dialBy("eth0", "tcp", "[::1]:80")},
		{"QUIC", dial("udp", "203.0.113.7:443")},
		{"UDP to a loopback address by the link", dialBy("eth0", "udp", "127.0.0.1:9")},
		{"TCP to the outside by loopback", dialBy("lo", "tcp", tcpOutside)},
		{"UDP to the outside by loopback", dialBy("lo", "udp", "203.0.113.7:443")},
		{"DNS to the outside as the proxy's user", as(proxyUID, dial("udp", "203.0.113.53:53"))},
		{"a datagram in fragments", fragments},
		{"a datagram to the link over IPv6", dial("udp", "[ff02::1%eth0]:9999")},
		{"a multicast group", join},
		{"ping", send(syscall.SOCK_DGRAM, syscall.IPPROTO_ICMP, echo())},
		{"ping by a raw socket", send(syscall.SOCK_RAW, syscall.IPPROTO_ICMP, echo())},
		{"SCTP", send(syscall.SOCK_STREAM, protoSCTP, []byte("restless"))},
		{"a frame", frame},
	}
	all = append(all, answers()...)
	if host := os.Getenv("KUBERNETES_SERVICE_HOST"); host != "" {
		all = append(all, attempt{"TCP to the API server", dial("tcp", net.JoinHostPort(host, os.Getenv("KUBERNETES_SERVICE_PORT")))})
	}
	if server := nameserver(); server != "" {
		// not as itself: its questions are answered by the proxy, and names that it refused would be in the report
		all = append(all, attempt{"DNS as the proxy's user", as(proxyUID, dial("udp", net.JoinHostPort(server, "53")))})
	}
	return all
}

// dial connects and, by UDP, sends something.
func dial(network, address string) func() error { return dialBy("", network, address) }

// dialBy does so from a socket that has been told which device to use, as anybody may, wherever the routes of the pod lead.
func dialBy(device, network, address string) func() error {
	return func() error {
		dialer := net.Dialer{Timeout: patience, Control: func(_, _ string, socket syscall.RawConn) (err error) {
			if device != "" {
				controlErr := socket.Control(func(fd uintptr) { err = syscall.BindToDevice(int(fd), device) })
				err = errors.Join(controlErr, err)
			}
			return err
		}}
		conn, err := dialer.DialContext(context.Background(), network, address)
		if err != nil {
			return err
		}
		defer conn.Close()
		if network == "udp" {
			_, err = conn.Write([]byte("restless"))
		}
		return err
	}
}

// as does something as another user: on a thread of its own, which ends with it. The sockets that a goroutine opens
// belong to the user of its thread.
func as(uid int, do func() error) func() error {
	return func() error {
		result := make(chan error)
		go func() {
			runtime.LockOSThread() // never unlocked
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
				result <- errno
				return
			}
			result <- do()
		}()
		return <-result
	}
}

func fragments() error {
	conn, err := net.Dial("udp", "203.0.113.7:9")
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write(make([]byte, 60000))
	return err
}

// join has the kernel send the report of a member, once for each membership.
func join() error {
	conn, err := net.ListenMulticastUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(239, 1, 2, 3), Port: 9999})
	if err != nil {
		return err
	}
	return conn.Close()
}

// echo is a ping.
func echo() []byte {
	message := []byte{8, 0, 0, 0, 0, 1, 0, 1}
	var sum uint32
	for i := 0; i < len(message); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(message[i:]))
	}
	binary.BigEndian.PutUint16(message[2:], ^uint16(sum))
	return message
}

// send sends by a socket of a kind that package net does not have.
func send(kind, protocol int, data []byte) func() error {
	return func() error {
		fd, err := syscall.Socket(syscall.AF_INET, kind|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, protocol)
		if err != nil {
			return err
		}
		defer syscall.Close(fd)
		to := &syscall.SockaddrInet4{Port: 9, Addr: netip.MustParseAddrPort(tcpOutside).Addr().As4()}
		if kind == syscall.SOCK_STREAM {
			return syscall.Connect(fd, to)
		}
		return syscall.Sendto(fd, data, 0, to)
	}
}

// frame sends a frame round the network layer.
func frame() error {
	device, err := net.InterfaceByName("eth0")
	if err != nil {
		return err
	}
	const experimental = 0x88b5 // the first EtherType for local experiments
	kind := uint16(experimental>>8 | experimental&0xff<<8)
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, int(kind))
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	to := &syscall.SockaddrLinklayer{Protocol: kind, Ifindex: device.Index, Halen: 6, Addr: [8]byte{255, 255, 255, 255, 255, 255}}
	return syscall.Sendto(fd, make([]byte, 64), 0, to)
}

// nameserver is the first that the pod has.
func nameserver() string {
	data, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(data) {
		if fields := strings.Fields(string(line)); len(fields) == 2 && fields[0] == "nameserver" {
			return fields[1]
		}
	}
	return ""
}
