// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mccutchen/go-httpbin/v2/httpbin"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// TestCaptureInNamespace runs the real init and the real sidecar in a network namespace, with real clients.
func TestCaptureInNamespace(t *testing.T) {
	pod, outside := newPod(t)
	binary := buildProxy(t)
	ingest := serveIngest(t, outside.listen("10.99.0.1:0"))
	for _, listener := range []string{"[::]:80"} {
		go http.Serve(outside.listen(listener), httpbin.New())
	}
	go http.Serve(pod.listen("[::]:9898"), httpbin.New())

	pod.start(binary, nil, "run", "--mode=Capture", "--settings="+wiring.NewCaptureSettings("front", []uint16{9898}).Argument(), "--forwarder="+ingest.address,
		"--token-file="+filepath.Join(ingest.dir, "token"), "--ca-file="+filepath.Join(ingest.dir, "ca.crt"), "--redaction-key="+filepath.Join(ingest.dir, "none"))
	for range 2 { // an init container may run again
		pod.initialize(binary, "--mode=Capture", "--ports=9898")
	}

	pod.run("curl", "-sf", "--max-time", "5", "http://10.99.0.1/anything/v4")
	pod.run("curl", "-sf", "--max-time", "5", "http://[fd99::1]/anything/v6")
	outside.run("curl", "-sf", "--max-time", "5", "http://10.99.0.2:9898/anything/in4")
	outside.run("curl", "-sf", "--max-time", "5", "http://[fd99::2]:9898/anything/in6")
	for _, host := range []string{"127.0.0.1", "[::1]", "10.99.0.2", "[fd99::2]"} { // within the pod nothing is redirected
		pod.run("curl", "-sf", "--max-time", "5", "http://"+host+":9898/anything/itself")
	}
	if out, err := pod.try("curl", "-sS", "--max-time", "5", "http://10.99.0.1:81/anything/refused"); err == nil || !strings.Contains(out, "reset") {
		t.Errorf("a refused destination: %v, %s", err, out)
	}

	for operation, want := range map[string]struct {
		direction  trafficpb.Direction
		host, peer string
		port       uint32
		failure    string
	}{
		"GET /anything/v4":      {trafficpb.Direction_DIRECTION_OUTBOUND, "10.99.0.1", "10.99.0.1:80", 80, ""},
		"GET /anything/v6":      {trafficpb.Direction_DIRECTION_OUTBOUND, "fd99::1", "[fd99::1]:80", 80, ""},
		"GET /anything/in4":     {trafficpb.Direction_DIRECTION_INBOUND, "10.99.0.2", "10.99.0.1:", 9898, ""},
		"GET /anything/in6":     {trafficpb.Direction_DIRECTION_INBOUND, "fd99::2", "[fd99::1]:", 9898, ""},
		"GET /anything/refused": {trafficpb.Direction_DIRECTION_OUTBOUND, "10.99.0.1", "10.99.0.1:81", 81, "connect: connection refused"},
	} {
		got := ingest.operation(t, operation)
		if got.GetDirection() != want.direction || got.GetHost() != want.host || !strings.HasPrefix(got.GetPeerAddress(), want.peer) ||
			got.GetPort() != want.port || got.GetFailure() != want.failure || len(got.GetDefects()) > 0 {
			t.Errorf("%s: %v", operation, got)
		}
	}
	if n := ingest.count(); n != 5 {
		t.Errorf("%d records, want 5 without those of the pod to itself", n)
	}
}
