// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restage-dev/restage/pkg/wiring"
)

// TestIsolateInNamespace runs the real init and the real sidecar in a network namespace, and watches the wire: only
// connections to the responder may be on it, whatever the workload tries.
func TestIsolateInNamespace(t *testing.T) {
	pod, outside := newPod(t)
	binary := buildProxy(t)
	forbidden := outside.listen("[::]:80")
	go http.Serve(forbidden, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the real one") }))
	init, run := serveResponder(t, outside, `{"ports":{"back":[]}}`)

	// Without rules the real one answers: the checks below can fail.
	for _, url := range []string{"http://10.99.0.1/", "http://[fd99::1]/"} {
		if out, err := pod.try("curl", "-s", "--max-time", "5", url); err != nil || out != "the real one" {
			t.Fatalf("%s before isolation: %q, %v", url, out, err)
		}
	}
	if err := sendUDP(pod, "10.99.0.1:9"); err != nil {
		t.Fatal(err)
	}

	pod.initialize(binary, init...)
	next := outside.sniff("eth0")

	// No proxy yet: nothing answers.
	expectNothing(t, pod)
	pod.start(binary, isolatedEnv, run...)
	pod.initialize(binary, init...) // again, beside a running proxy

	for url, want := range map[string]string{
		"http://back:9898/a":   "played back 198.18.0.1:9898",
		"http://10.99.0.1/":    "played  10.99.0.1:80",
		"http://[fd99::1]/":    "played  fd99::1:80",
		"http://8.8.8.8:1234/": "played  8.8.8.8:1234",
	} {
		if out, err := pod.try("curl", "-s", "--max-time", "5", url); err != nil || out != want {
			t.Errorf("%s: %q, %v, want %q", url, out, err, want)
		}
	}
	// What the pod says to itself stays in it, by any of its addresses.
	go http.Serve(pod.listen("[::]:8080"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the workload itself") }))
	for _, host := range []string{"127.0.0.1", "[::1]", "10.99.0.2", "[fd99::2]"} {
		if out, err := pod.try("curl", "-s", "--max-time", "5", "http://"+host+":8080/"); err != nil || out != "the workload itself" {
			t.Errorf("the pod at its own address %s: %q, %v", host, out, err)
		}
		if err := sendUDP(pod, host+":9"); err != nil {
			t.Errorf("UDP to the pod's own address %s: %v", host, err)
		}
	}
	if _, err := pod.try("curl", "-s", "--max-time", "5", "http://evil.example/"); err == nil {
		t.Error("a name that is not recorded was answered")
	}
	before := pod.dropped()
	for range 10 {
		for _, address := range []string{"10.99.0.1:9", "[fd99::1]:9", "8.8.8.8:443"} {
			if err := sendUDP(pod, address); !errors.Is(err, syscall.EPERM) {
				t.Errorf("UDP to %s: %v, want it to be refused by the kernel", address, err)
			}
		}
	}
	if dropped := pod.dropped() - before; dropped < 30 || dropped > 35 { // some may be the kernel's own
		t.Errorf("%d packets were dropped, want 30 of UDP to be counted", dropped)
	}
	// The proxy's own user reaches the responder alone.
	if out, err := pod.try("setpriv", "--reuid=15100", "--clear-groups", "curl", "-s", "--max-time", "1", "http://10.99.0.1/"); err == nil {
		t.Errorf("the proxy's user got out: %s", out)
	}
	watch(t, next)
}

// expectNothing shows that without the proxy connections are refused.
func expectNothing(t *testing.T, pod *namespace) {
	t.Helper()
	for _, url := range []string{"http://10.99.0.1/", "http://[fd99::1]/", "http://back:9898/"} {
		if out, err := pod.try("curl", "-s", "--max-time", fmt.Sprint(quick.Seconds()), url); err == nil {
			t.Errorf("%s without a proxy: %q", url, out)
		}
	}
}

// watch reads all packets that came out of the pod.
func watch(t *testing.T, next func() ([]byte, uint16, bool)) {
	t.Helper()
	allowed := 0
	for packet, kind, ok := next(); ok; packet, kind, ok = next() {
		switch {
		case kind == unix.ETH_P_ARP:
		case kind == unix.ETH_P_IP && packet[9] == unix.IPPROTO_TCP && net.IP(packet[16:20]).String() == "10.99.0.1" && toResponder(packet[int(packet[0]&15)*4:]):
			allowed++
		case kind == unix.ETH_P_IPV6 && packet[6] == unix.IPPROTO_ICMPV6 && packet[40] >= 133 && packet[40] <= 136:
		default:
			t.Errorf("a packet left the pod: type %#x, % x", kind, packet[:min(len(packet), 64)])
		}
	}
	if allowed == 0 {
		t.Error("no packet to the responder was seen: the check sees nothing")
	}
}

func toResponder(tcp []byte) bool {
	port := binary.BigEndian.Uint16(tcp[2:])
	return port == tunnelPort || port == controlPort
}

// dropped is the proxy's count of packets that the rules kept in.
func (n *namespace) dropped() (count int) {
	n.t.Helper()
	text, err := n.try("curl", "-sf", fmt.Sprintf("http://127.0.0.1:%d/metrics", wiring.ProxyAdminPort))
	if err != nil {
		n.t.Fatalf("%v\n%s", err, text)
	}
	const name = "\nrestage_proxy_egress_dropped_packets_total "
	_, value, _ := strings.Cut(text, name)
	if _, err := fmt.Sscan(value, &count); err != nil {
		n.t.Fatalf("no %q in the metrics: %v\n%s", name, err, text)
	}
	return count
}

func sendUDP(pod *namespace, address string) (err error) {
	pod.do(func() {
		var conn net.Conn
		if conn, err = net.Dial("udp", address); err == nil {
			_, err = conn.Write([]byte("out"))
			conn.Close()
		}
	})
	return err
}

// TestInitNeedsNetAdmin shows which way each mode fails when the rules cannot be written.
func TestInitNeedsNetAdmin(t *testing.T) {
	pod := newNamespace(t)
	binary := buildProxy(t)
	bare := func(args ...string) (string, error) {
		return pod.try("setpriv", append([]string{"--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", binary, "init"}, args...)...)
	}
	if out, err := bare("--mode=Capture", "--ports=80"); err != nil || !strings.Contains(out, "runs unrecorded") {
		t.Errorf("capture fails open: %v, %s", err, out)
	}
	if out, err := bare("--mode=Isolate", "--responder=10.0.0.1:1", "--control=10.0.0.1:2"); err == nil {
		t.Errorf("isolate fails closed: %s", out)
	}
}
