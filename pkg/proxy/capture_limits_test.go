// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/traffic/selection"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// TestRecorderThatCannotKeepUp sends far more at once than the tee may hold: all of it must arrive, and the loss be counted.
func TestRecorderThatCannotKeepUp(t *testing.T) {
	r := newRig(t, func(c *CaptureConfig) { c.TeeMemory = 8 << 10; c.Settings.BodyLimit = 1 << 20 })
	payload := strings.Repeat("0123456789abcdef", 4<<16)
	server := serveOnce(t, func(conn *net.TCPConn) {
		in := bufio.NewReader(conn)
		for {
			m, err := http1.ReadRequest(in, http1.Limits{Head: 1 << 16, Body: 16 << 20})
			if err != nil {
				return
			}
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(m.Body), m.Body)
		}
	})
	conn := r.dial(t, r.outbound, server)
	in := bufio.NewReader(conn)
	for range 3 {
		go fmt.Fprintf(conn, "POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(payload), payload)
		m, err := http1.ReadResponse(in, "POST", http1.Limits{Head: 1 << 16, Body: 16 << 20})
		if err != nil || string(m.Body) != payload {
			t.Fatalf("got %d bytes, error %v", len(m.Body), err)
		}
	}
	conn.Close()
	got := r.operation(t, "POST /big")
	if d := got.GetDefects(); len(d) == 0 {
		t.Errorf("a record without defects: %v", got.GetRequest().GetBodyLength())
	}
	r.loss(t, "tee overflow")
	r.loss(t, "connection not parsed to its end")
}

// TestNothingIsLost makes many requests at once: each is recorded once, whole, with the body that was sent.
func TestNothingIsLost(t *testing.T) {
	const clients, each = 20, 100
	r, bin := newRig(t, nil), startHTTPBin(t)
	client := r.client(bin)
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = clients
	var group errgroup.Group
	for c := range clients {
		group.Go(func() error {
			for n := range each {
				response, err := client.Post(fmt.Sprintf("http://a/anything/%d/%d", c, n), "text/plain", strings.NewReader(fmt.Sprintf("%d/%d", c, n)))
				if err != nil {
					return err
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil {
					return err
				}
				response.Body.Close()
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	operations := map[string]bool{}
	for _, got := range r.records {
		operations[got.GetOperation()] = true
		if len(got.GetDefects()) > 0 || got.GetStatus() != 200 || "POST /anything/"+string(got.GetRequest().GetBody()) != got.GetOperation() ||
			!bytes.Contains(got.GetResponse().GetBody(), got.GetRequest().GetBody()) {
			t.Errorf("record: %v", got)
		}
	}
	for _, loss := range r.losses { // the client may open a connection that it does not need
		if !loss.GetLeftOut() || loss.GetReason() != string(selection.Empty) {
			t.Errorf("loss: %v", loss)
		}
	}
	if len(r.records) != clients*each || len(operations) != clients*each {
		t.Errorf("%d records of %d operations, want %d", len(r.records), len(operations), clients*each)
	}
}

func TestLargeBodyIsCut(t *testing.T) {
	r, bin := newRig(t, func(c *CaptureConfig) { c.Settings.BodyLimit = 1000 }), startHTTPBin(t)
	response, err := r.client(bin).Post("http://a/post", "text/plain", bytes.NewReader(make([]byte, 50000)))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body) // else the client breaks the response off
	response.Body.Close()
	got := r.operation(t, "POST /post")
	if len(got.GetRequest().GetBody()) != 1000 || got.GetRequest().GetBodyLength() != 50000 || len(got.GetRequest().GetBodySha256()) != 32 {
		t.Errorf("kept %d of %d", len(got.GetRequest().GetBody()), got.GetRequest().GetBodyLength())
	}
	if d := got.GetDefects(); len(d) != 2 || d[0] != trafficpb.Defect_DEFECT_REQUEST_TRUNCATED || d[1] != trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED {
		t.Errorf("defects %v", d)
	}
}

// TestForwarderComesBack breaks the stream: what was not acknowledged is sent again, and nothing is lost.
func TestForwarderComesBack(t *testing.T) {
	r, bin := newRig(t, nil), startHTTPBin(t)
	r.mu.Lock()
	r.failAfter = 1
	r.mu.Unlock()
	client := r.client(bin)
	for n := range 20 {
		response, err := client.Get(fmt.Sprintf("http://a/status/%d", 200+n))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	r.operation(t, "GET /status/219")
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.records) != 20 || r.repeats == 0 || len(r.tokens) < 2 {
		t.Errorf("%d records, %d repeated, %d streams", len(r.records), r.repeats, len(r.tokens))
	}
	for sequence := range uint64(20) {
		if !r.seen[sequence+1] {
			t.Errorf("no sequence %d", sequence+1)
		}
	}
}

// TestForwarderMissing shows that traffic flows without a forwarder, and that the loss is known when there is one.
func TestForwarderMissing(t *testing.T) {
	r := newRig(t, func(c *CaptureConfig) { c.BufferMemory = 20 << 10 })
	bin := startHTTPBin(t)
	r.write(t, "token", "") // no stream can be opened
	client := r.client(bin)
	for range 30 {
		response, err := client.Get("http://a/bytes/1000")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	r.write(t, "token", "a new token")
	r.loss(t, "recorder full")
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.records) + int(r.losses[0].GetCount()); n != 30 {
		t.Errorf("%d records and %d lost, want 30", len(r.records), r.losses[0].GetCount())
	}
}

// TestStopCutsOff ends the proxy in the middle of an exchange.
func TestStopCutsOff(t *testing.T) {
	r := newRig(t, nil)
	asked := make(chan struct{})
	release := make(chan struct{})
	server := serveOnce(t, func(conn *net.TCPConn) {
		_, _ = http1.ReadRequest(bufio.NewReader(conn), http1.Limits{Head: 1 << 16})
		close(asked)
		<-release
	})
	defer close(release)
	conn := r.dial(t, r.outbound, server)
	fmt.Fprint(conn, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-asked
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	got := r.operation(t, "GET /slow")
	if d := got.GetDefects(); len(d) != 1 || d[0] != trafficpb.Defect_DEFECT_CUT_OFF || got.GetFailure() != "" {
		t.Errorf("record: %v", got)
	}
}

func TestOwnPortIsRefused(t *testing.T) {
	r := newRig(t, nil)
	target := netip.MustParseAddrPort(r.outbound)
	r.to.Store(&target)
	conn, err := net.Dial("tcp", r.outbound) // may see the reset already
	if err == nil {
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection to the proxy itself: %v, want a reset", err)
	}
}

func TestUnrecordedDestinations(t *testing.T) {
	bin := startHTTPBin(t)
	t.Setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
	r := newRig(t, nil)
	response, err := r.client(bin).Get("http://kubernetes.default/get")
	if err != nil || response.StatusCode != 200 {
		t.Fatal(response, err)
	}
	response.Body.Close()
	answer, err := http.Get("http://" + r.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if text, _ := io.ReadAll(answer.Body); !strings.Contains(string(text), "\nrestage_proxy_left_out_total{reason=\"APIServer\"} 1\n") {
		t.Errorf("metrics: %s", text)
	}
	if err := r.stop(); err != nil || r.count() != 0 {
		t.Errorf("%d records, error %v", r.count(), err)
	}
}
