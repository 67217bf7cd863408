// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restage-dev/restage/pkg/proxy/relay"
	"github.com/restage-dev/restage/test/peer"
)

// sealed begins what a mesh sends from proxy to proxy: it stands for the mesh's TLS.
const sealed = "MESH\n"

// mesh is a service mesh as far as the kernel of a pod sees it: rules, and a proxy that the kernel knows by its user or mark.
type mesh struct {
	name              string
	rules             string // for iptables-restore
	uid, mark         int
	outbound, inbound string // where its proxy listens
	source            net.IP // from which its proxy calls the workload; nil: any
}

// meshes are Istio with sidecars, as istio-init writes it (istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i '*' -b '*' -d
// 15090,15021,15020, with DNS), the same in ambient mode, as istio-cni writes it into pods, and Linkerd, as linkerd-init does. Those of
// istio-cni for sidecars and of linkerd-cni are the same rules written from outside.
var meshes = []mesh{
	{name: "istio", uid: 1337, outbound: ":15001", inbound: ":15006", source: net.IPv4(127, 0, 0, 6), rules: `*raw
:ISTIO_OUTPUT_DNS - [0:0]
-A OUTPUT -j ISTIO_OUTPUT_DNS
-A ISTIO_OUTPUT_DNS -p udp --dport 53 -m owner --uid-owner 1337 -j CT --zone 1
-A ISTIO_OUTPUT_DNS -p udp --sport 15053 -m owner --uid-owner 1337 -j CT --zone 2
COMMIT
*nat
:ISTIO_INBOUND - [0:0]
:ISTIO_REDIRECT - [0:0]
:ISTIO_IN_REDIRECT - [0:0]
:ISTIO_OUTPUT - [0:0]
:ISTIO_OUTPUT_DNS - [0:0]
-A ISTIO_INBOUND -p tcp --dport 15008 -j RETURN
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A ISTIO_INBOUND -p tcp --dport 15090 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 15021 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 15020 -j RETURN
-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -o lo -s 127.0.0.6/32 -j RETURN
-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp -m multiport ! --dports 53,15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -p tcp ! --dport 53 -m owner ! --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -p tcp ! --dport 53 -m owner ! --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -j ISTIO_OUTPUT_DNS
-A ISTIO_OUTPUT_DNS -p udp --dport 53 -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT_DNS -p udp --dport 53 -j REDIRECT --to-ports 15053
-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
COMMIT
`},
	{name: "istio-ambient", mark: 0x539, outbound: ":15001", inbound: ":15006", rules: `*mangle
:ISTIO_OUTPUT - [0:0]
:ISTIO_PRERT - [0:0]
-A PREROUTING -j ISTIO_PRERT
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -m connmark --mark 0x111/0xfff -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff
-A ISTIO_PRERT -m mark --mark 0x539/0xfff -j CONNMARK --set-xmark 0x111/0xfff
COMMIT
*nat
:ISTIO_OUTPUT - [0:0]
:ISTIO_PRERT - [0:0]
-A OUTPUT -j ISTIO_OUTPUT
-A PREROUTING -j ISTIO_PRERT
-A ISTIO_OUTPUT -d 169.254.7.127/32 -p tcp -j ACCEPT
-A ISTIO_OUTPUT -p tcp -m mark --mark 0x111/0xfff -j ACCEPT
-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -j ACCEPT
-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -p tcp -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15001
-A ISTIO_PRERT -s 169.254.7.127/32 -p tcp -j ACCEPT
-A ISTIO_PRERT ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15006
COMMIT
`},
	{name: "linkerd", uid: 2102, outbound: ":4140", inbound: ":4143", rules: `*nat
:PROXY_INIT_REDIRECT - [0:0]
:PROXY_INIT_OUTPUT - [0:0]
-A PROXY_INIT_REDIRECT -p tcp -m multiport --dports 4190,4191,4567,4568 -j RETURN
-A PROXY_INIT_REDIRECT -p tcp -j REDIRECT --to-ports 4143
-A PREROUTING -j PROXY_INIT_REDIRECT
-A PROXY_INIT_OUTPUT -m owner --uid-owner 2102 -j RETURN
-A PROXY_INIT_OUTPUT -o lo -j RETURN
-A PROXY_INIT_OUTPUT -p tcp -m multiport --dports 4567,4568 -j RETURN
-A PROXY_INIT_OUTPUT -p tcp -j REDIRECT --to-ports 4140
-A OUTPUT -j PROXY_INIT_OUTPUT
COMMIT
`},
}

// initialize writes the rules of the mesh, as its init container does.
func (m mesh) initialize(pod *namespace) {
	pod.t.Helper()
	pod.run("sh", "-c", "iptables-restore --noflush <<'RULES'\n"+m.rules+"RULES")
}

// dial makes a connection as the proxy of the mesh does.
func (m mesh) dial(pod *namespace, to string, source net.IP) (conn net.Conn, err error) {
	pod.do(func() {
		if m.uid != 0 {
			// Of this thread alone, which ends afterwards; setuid of package syscall changes all.
			if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(m.uid), uintptr(m.uid), uintptr(m.uid)); errno != 0 {
				err = errno
				return
			}
		}
		dialer := net.Dialer{Timeout: quick, Control: func(_, _ string, c syscall.RawConn) error {
			if m.mark == 0 {
				return nil
			}
			return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, m.mark) })
		}}
		if source != nil {
			dialer.LocalAddr = &net.TCPAddr{IP: source}
		}
		conn, err = dialer.DialContext(context.Background(), "tcp", to)
	})
	return conn, err
}

// run is the proxy of the mesh: it seals what goes to port 80, and opens what comes in.
func (m mesh) run(pod *namespace) {
	pod.t.Helper()
	accept := func(address string, handle func(net.Conn, netip.AddrPort)) {
		go peer.Serve(pod.listen(address), func(client net.Conn) {
			if to, err := relay.OriginalDestination(client.(*net.TCPConn)); err == nil {
				handle(client, to)
			}
		})
	}
	accept(m.outbound, func(client net.Conn, to netip.AddrPort) {
		server, err := m.dial(pod, to.String(), nil)
		if err != nil {
			return
		}
		defer server.Close()
		if to.Port() == 80 {
			_, _ = io.WriteString(server, sealed)
		}
		pipe(client, client, server)
	})
	accept(m.inbound, func(client net.Conn, to netip.AddrPort) {
		server, err := m.dial(pod, to.String(), m.source)
		if err != nil {
			return
		}
		defer server.Close()
		from := bufio.NewReader(client)
		if first, err := from.Peek(len(sealed)); err == nil && string(first) == sealed {
			_, _ = from.Discard(len(sealed))
		}
		pipe(client, from, server)
	})
}

// pipe passes bytes on until the server has said all.
func pipe(client net.Conn, from io.Reader, server net.Conn) {
	go func() {
		_, _ = io.Copy(server, from)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, server)
}

// serveSealed answers those alone who speak through the mesh.
func serveSealed(conn net.Conn) {
	text := bufio.NewReader(conn)
	if first, _ := text.ReadString('\n'); first != sealed {
		return
	}
	for line, err := text.ReadString('\n'); err == nil && strings.TrimSpace(line) != ""; line, err = text.ReadString('\n') {
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nsealed")
}

// callSealed calls the pod as another pod of the mesh does, and returns the answer.
func callSealed(t *testing.T, outside *namespace, to, path string) string {
	t.Helper()
	var conn net.Conn
	var err error
	outside.do(func() { conn, err = net.DialTimeout("tcp", to, quick) })
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, sealed+"GET "+path+" HTTP/1.1\r\nHost: front\r\nConnection: close\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Error(err)
	}
	return string(answer)
}
