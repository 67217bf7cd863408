// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/pkg/wiring"
)

func TestBadFlags(t *testing.T) {
	t.Setenv("POD_NAME", "")
	settings := wiring.NewCaptureSettings("a", nil).Argument()
	for args, want := range map[string]string{
		"":                               "a command is needed",
		"start":                          `unknown command "start"`,
		"init":                           `--mode "": allowed are Capture and Isolate`,
		"probe now":                      `unexpected argument "now"`,
		"probe --connect=forwarder":      `--connect: "forwarder" is not host:port`,
		"init --mode=Both":               `--mode "Both"`,
		"init --mode=Capture extra":      `unexpected argument "extra"`,
		"init --mode=Capture --ports=0":  `"0" is not a port`,
		"init --mode=Capture --ports=1x": `"1x" is not a port`,
		"init --mode=Capture --control=10.0.0.1:1":                                                                               "--control: allowed only with --mode=Isolate",
		"init --mode=Isolate --ports=80":                                                                                         "--ports: allowed only with --mode=Capture",
		"init --mode=Isolate":                                                                                                    `--responder: "" is not ip:port`,
		"init --mode=Isolate --responder=10.0.0.1:1 --control=host:1":                                                            `--control: "host:1" is not ip:port`,
		"init --mode=Capture --interception=Explicit":                                                                            "--interception: allowed only with --mode=Isolate",
		"init --mode=Isolate --responder=10.0.0.1:1 --control=10.0.0.1:2 --interception=None":                                    `--interception: "None", allowed are Redirect and Explicit`,
		"init --mode=Isolate --responder=10.0.0.1:1 --control=10.0.0.1:2 --interception=Explicit --canary=host:1":                `--canary: "host:1" is not ip:port`,
		"run --mode=Isolate --workload=a --port-swaps=80=81":                                                                     "--port-swaps: allowed only with --interception=Explicit",
		"run --mode=Isolate --workload=a --responder=10.0.0.1:1 --control=10.0.0.1:2 --interception=Explicit --port-swaps=80":    `--port-swaps: "80" is not PORT=TO`,
		"run --mode=Isolate --workload=a --responder=10.0.0.1:1 --control=10.0.0.1:2 --interception=Explicit --port-swaps=80=80": `--port-swaps: "80=80" is not PORT=TO`,
		"run --mode=Isolate --workload=a --responder=10.0.0.1:1 --control=10.0.0.1:2 --interception=Explicit --port-swaps=a=80":  `--port-swaps: "a" is not a port`,
		"run --mode=Isolate --workload=a --own-ports=80":                                                                         "--own-ports: allowed only with --interception=Explicit",
		"run --mode=Capture":                        "--settings: EOF",
		"run --mode=Isolate":                        "--workload is needed",
		"run --mode=Capture --workload=a":           "--workload: allowed only with --mode=Isolate",
		"run --mode=Capture --settings=" + settings: `--forwarder: "" is not host:port`,
		"run --mode=Capture --forwarder=f:1 --tee-memory=1 --settings=" + settings:                                  "--tee-memory: 1, allowed are",
		"run --mode=Capture --forwarder=f:1 --buffer-memory=1 --settings=" + settings:                               "--buffer-memory: 1, allowed are",
		"run --mode=Isolate --workload=a --forwarder=f:1":                                                           "--forwarder: allowed only with --mode=Capture",
		"run --mode=Isolate --workload=a --responder=10.0.0.1:1 --control=10.0.0.1:2":                               "POD_NAME is needed",
		"run --mode=Isolate --workload=a --responder=10.0.0.1:0 --control=10.0.0.1:2 --token-file=/var/run/restage": `--responder: "10.0.0.1:0"`,
	} {
		var out bytes.Buffer
		err := execute(t.Context(), strings.Fields(args), &out, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("restage-proxy %s: error %v, want %q", args, err, want)
		}
	}
}

// Where the API server is known by a name alone there is nothing to try, as names are not answered yet; that is neither proof nor a reason to
// refuse the pod.
func TestCanaryWithoutAnAddress(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "cluster.hcp.westeurope.azmk8s.io")
	t.Setenv("KUBERNETES_SERVICE_PORT", "443")
	output := filepath.Join(t.TempDir(), "termination-log")
	args := []string{"init", "--mode=Isolate", "--responder=127.0.0.1:1", "--control=127.0.0.1:2", "--interception=Explicit", "--output=" + output}
	if err := execute(t.Context(), args, io.Discard, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if said, err := os.ReadFile(output); err != nil || string(said) != wiring.CanaryUntried {
		t.Errorf("the outcome is %q, %v", said, err)
	}
}

// A pod that has the network of its node by now gets no rules: it runs unrecorded, and it does not run in an environment.
func TestInitOnTheNetworkOfANode(t *testing.T) {
	t.Setenv("POD_IP", "10.0.0.7")
	t.Setenv("HOST_IP", "10.0.0.7")
	var out, log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	if err := execute(t.Context(), []string{"init", "--mode=Capture", "--ports=80"}, &out, logger); err != nil || !strings.Contains(log.String(), "network of its node") {
		t.Errorf("error %v, log %q", err, log.String())
	}
	err := execute(t.Context(), []string{"init", "--mode=Isolate", "--responder=10.0.0.1:1", "--control=10.0.0.1:2"}, &out, logger)
	if err == nil || !strings.Contains(err.Error(), "cannot be isolated") {
		t.Errorf("error %v", err)
	}
}

// Beside it on the node there may be a second such pod, and neither may keep its workload from starting: they take no port but that of the
// startup probe, which one of them answers for both.
func TestRunOnTheNetworkOfANode(t *testing.T) {
	const node = "127.0.0.9"
	t.Setenv("POD_IP", node)
	t.Setenv("HOST_IP", node)
	args := []string{"run", "--mode=Capture", "--forwarder=f:1", "--settings=" + wiring.NewCaptureSettings("a", nil).Argument()}
	run := func(log io.Writer) (end func() error) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- execute(ctx, args, io.Discard, slog.New(slog.NewTextHandler(log, nil))) }()
		return func() error {
			cancel()
			return <-ended
		}
	}
	probe := func() {
		t.Helper()
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
		url := fmt.Sprintf("http://%s:%d/readyz", node, wiring.ProxyAdminPort)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		deadline := time.Now().Add(10 * time.Second)
		for ; ; <-tick.C {
			answer, err := client.Get(url)
			if err == nil {
				answer.Body.Close()
				if answer.StatusCode == http.StatusOK {
					return
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("the startup probe gets %v, %v", answer, err)
			}
		}
	}
	first := run(io.Discard)
	probe()
	said, log := io.Pipe()
	second := run(log)
	late := time.AfterFunc(10*time.Second, func() { said.Close() })
	defer late.Stop()
	lines := bufio.NewScanner(said)
	for waits := false; !waits; waits = strings.Contains(lines.Text(), "the port of the startup probe") {
		if !lines.Scan() {
			t.Fatalf("the second does not say that it waits: %v", lines.Err())
		}
	}
	said.Close() // what it logs from here on is lost
	for _, port := range []int{wiring.ProxyOutboundPort, wiring.ProxyInboundPort} {
		if conn, err := net.Dial("tcp", net.JoinHostPort(node, strconv.Itoa(port))); err == nil {
			conn.Close()
			t.Errorf("the proxy listens on port %d of the node", port)
		}
	}
	if err := first(); err != nil {
		t.Errorf("the first: %v", err)
	}
	probe() // of the second, which has come up to now
	if err := second(); err != nil {
		t.Errorf("the second: %v", err)
	}
}
