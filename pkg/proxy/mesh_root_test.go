// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mccutchen/go-httpbin/v2/httpbin"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/peer"
)

// eachMesh runs a test beside every mesh, with the rules of the mesh written before and after ours.
func eachMesh(t *testing.T, test func(t *testing.T, binary string, pod, outside *namespace, m mesh, write func(ours func()))) {
	newNamespace(t) // skips where there are none, before the proxy is built
	peer.Need(t, "iptables-restore", "iptables")
	binary := buildProxy(t)
	for _, m := range meshes {
		for _, order := range []string{"mesh first", "ours first"} {
			t.Run(m.name+", "+order, func(t *testing.T) {
				pod, outside := newPod(t)
				test(t, binary, pod, outside, m, func(ours func()) {
					if order == "mesh first" {
						m.initialize(pod)
					}
					ours()
					if order == "ours first" {
						m.initialize(pod)
					}
				})
			})
		}
	}
}

// TestCaptureBesideMesh: what the workload says is recorded once and in the clear, and goes on through the mesh.
func TestCaptureBesideMesh(t *testing.T) {
	eachMesh(t, func(t *testing.T, binary string, pod, outside *namespace, m mesh, write func(func())) {
		ingest := serveIngest(t, outside.listen("10.99.0.1:0"))
		reachable(t, ingest.dir)
		go peer.Serve(outside.listen("10.99.0.1:80"), serveSealed)
		go http.Serve(pod.listen("[::]:9898"), httpbin.New())
		m.run(pod)
		write(func() { pod.initialize(binary, "--mode=Capture", "--ports=9898") })
		pod.start(binary, nil, "run", "--mode=Capture", "--settings="+wiring.NewCaptureSettings("front", []uint16{9898}).Argument(), "--forwarder="+ingest.address,
			"--token-file="+filepath.Join(ingest.dir, "token"), "--ca-file="+filepath.Join(ingest.dir, "ca.crt"), "--redaction-key="+filepath.Join(ingest.dir, "none"))

		if out, err := pod.try("curl", "-sf", "--max-time", "5", "http://10.99.0.1/out"); err != nil || out != "sealed" {
			t.Errorf("calling through the mesh: %q, %v", out, err)
		}
		if answer := callSealed(t, outside, "10.99.0.2:9898", "/anything/in"); !strings.HasPrefix(answer, "HTTP/1.1 200") {
			t.Errorf("called through the mesh: %q", answer)
		}
		outside.run("curl", "-sf", "--max-time", "5", "http://10.99.0.2:9898/anything/plain") // the mesh takes it as it is
		for _, host := range []string{"127.0.0.1", "10.99.0.2"} {                             // nobody redirects it
			pod.run("curl", "-sf", "--max-time", "5", "http://"+host+":9898/anything/itself")
		}

		for operation, direction := range map[string]trafficpb.Direction{
			"GET /out": trafficpb.Direction_DIRECTION_OUTBOUND, "GET /anything/in": trafficpb.Direction_DIRECTION_INBOUND, "GET /anything/plain": trafficpb.Direction_DIRECTION_INBOUND,
		} {
			if got := ingest.operation(t, operation); got.GetDirection() != direction || got.GetStatus() != 200 || len(got.GetDefects()) > 0 {
				t.Errorf("%s: %v", operation, got)
			}
		}
		if n := ingest.count(); n != 3 {
			t.Errorf("%d records, want each of 3 exchanges once", n)
		}
	})
}

// TestIsolateBesideMesh: a mesh that got into a copy is no way out, and not in the way of the responder either.
func TestIsolateBesideMesh(t *testing.T) {
	eachMesh(t, func(t *testing.T, binary string, pod, outside *namespace, m mesh, write func(func())) {
		go http.Serve(outside.listen("[::]:80"), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the real one") }))
		init, run := serveResponder(t, outside, `{"ports":{"back":[9898]}}`)
		m.run(pod)
		write(func() { pod.initialize(binary, init...) })
		next := outside.sniff("eth0")
		pod.start(binary, isolatedEnv, run...)

		for url, want := range map[string]string{"http://back:9898/a": "played back 198.18.0.1:9898", "http://10.99.0.1/": "played  10.99.0.1:80"} {
			if out, err := pod.try("curl", "-s", "--max-time", "5", url); err != nil || out != want {
				t.Errorf("%s: %q, %v, want %q", url, out, err, want)
			}
		}
		if answer, err := m.call(pod, "10.99.0.1:80"); err != nil || !strings.Contains(answer, "played  10.99.0.1:80") {
			t.Errorf("the mesh's own proxy: %q, %v, want it led to the responder", answer, err)
		}
		if err := sendUDP(pod, "10.99.0.1:9"); !errors.Is(err, syscall.EPERM) {
			t.Errorf("UDP: %v, want it to be refused by the kernel", err)
		}
		watch(t, next)
	})
}

// call makes a request as the proxy of the mesh.
func (m mesh) call(pod *namespace, to string) (string, error) {
	conn, err := m.dial(pod, to, nil)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: out\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(bufio.NewReader(conn))
	return string(answer), err
}
