// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNoWayOutOfTheNamespace has a program try every way out as root, with all that a container's root may but raw sockets: before the
// proxy runs, beside it, when it was killed with a connection open, and when there is one again.
func TestNoWayOutOfTheNamespace(t *testing.T) {
	pod, outside := newPod(t)
	pod.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward") // as on nodes of Kubernetes, from which a pod has it
	proxy, restless := buildProxy(t), build(t, "restless", "github.com/restage-dev/restage/test/restless")
	init, arguments := serveResponder(t, outside, `{"ports":{}}`)

	// Without rules it gets out: the check at the end can fail.
	next := outside.sniff("eth0")
	pod.tryEverything(restless)
	protocols := map[byte]bool{}
	for packet, kind, ok := next(); ok; packet, kind, ok = next() {
		if kind == unix.ETH_P_IP {
			protocols[packet[9]] = true
		}
	}
	for _, protocol := range []byte{unix.IPPROTO_TCP, unix.IPPROTO_UDP, unix.IPPROTO_IGMP} {
		if !protocols[protocol] {
			t.Fatalf("a pod without rules sent the protocols %v, not %d", protocols, protocol)
		}
	}

	pod.initialize(proxy, init...)
	next = outside.sniff("eth0")
	pod.tryEverything(restless)

	// The services of the pod itself are reached as ever.
	local := pod.listen("127.0.0.1:8080")
	go http.Serve(local, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "beside") }))
	if out, err := pod.try("curl", "-s", "--max-time", "5", "http://127.0.0.1:8080/"); err != nil || out != "beside" {
		t.Errorf("a service of the pod itself: %q, %v", out, err)
	}

	run := func() *exec.Cmd { return pod.launch(proxy, isolatedEnv, arguments...) }
	first := run()
	pod.tryEverything(restless)
	var open net.Conn
	var err error
	pod.do(func() { open, err = net.Dial("tcp", "8.8.8.8:1234") })
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // it was killed
	_ = open.SetDeadline(time.Now().Add(quick))
	if _, err := open.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection lives on without the proxy: %v", err)
	}
	_, _ = open.Write([]byte("restless"))
	pod.tryEverything(restless)

	second := run()
	pod.initialize(proxy, init...) // the rules are written anew beside it
	pod.tryEverything(restless)
	if err := second.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := second.Wait(); err != nil {
		t.Errorf("the proxy ended with %v", err)
	}
	watch(t, next)
}

// tryEverything lets the program go once round, with the capabilities that root has in a copy.
func (n *namespace) tryEverything(restless string) {
	n.t.Helper()
	out, err := n.try("setpriv", "--bounding-set=-net_raw,-net_admin,-sys_admin", "--inh-caps=-net_raw,-net_admin,-sys_admin", "--no-new-privs", restless, "once")
	if err != nil {
		n.t.Fatalf("%v\n%s", err, out)
	}
	n.t.Logf("%s", out)
}
