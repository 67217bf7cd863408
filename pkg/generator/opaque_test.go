// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/proxy/capture/capturetest"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/peer"
)

// inboundOpaque has a client speak to a server and returns the one record of that.
func inboundOpaque(t *testing.T, server string, client func(address string)) *trafficpb.Record {
	t.Helper()
	r := capturetest.Start(t, server, trafficpb.Direction_DIRECTION_INBOUND)
	client(r.Address)
	records := r.End()
	if len(records) != 1 || records[0].GetProtocol() != traffic.ProtocolOpaque {
		t.Fatalf("records %v", records)
	}
	records[0].Namespace, records[0].Workload, records[0].Port = "shop", "front", 9898
	return records[0]
}

// startRedis runs a Redis of its own, without any data.
func startRedis(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)
	server := exec.CommandContext(t.Context(), "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill() // may be gone already
		_ = server.Wait()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := awaitTarget(ctx, address); err != nil {
		t.Fatal(err)
	}
	return address
}

// TestRedisIsReplayed replays what was said to a Redis to another one, and to one that has other data.
func TestRedisIsReplayed(t *testing.T) {
	peer.Need(t, "redis-server", "redis-server")
	record := inboundOpaque(t, startRedis(t), func(address string) {
		ask(t, address, "APPEND tea green", "GET tea", "INCR n", "HGETALL none", `SET raw "\xff\x00"`, "GET raw")
	})
	replay := func(settings *wiring.ReplaySettings) *report.Report {
		return runReplay(t, startForwarder(t, []*trafficpb.Record{record}), settings)
	}
	got := replay(newSettings(startRedis(t)))
	if !got.Passed || got.Summary.Requests != 1 || got.Summary.Skipped != 0 {
		t.Errorf("%s: %s, %+v %+v", got.Reason, got.Message, got.Summary, got.Differences)
	}
	other := startRedis(t)
	ask(t, other, "SET tea black", "SET n 41")
	got = replay(newSettings(other))
	if got.Passed || got.Message != "1 of 1 responses differ: opaque (1)" {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
	var differences []compare.Difference
	for _, d := range got.Differences {
		differences = append(differences, d.Difference)
	}
	want := []compare.Difference{
		compare.NewDifference("$[0]", compare.KindBody, `":5\r\n"`, `":10\r\n"`),
		compare.NewDifference("$[1]", compare.KindBody, `"$5\r\ngreen\r\n"`, `"$10\r\nblackgreen\r\n"`),
		compare.NewDifference("$[2]", compare.KindBody, `":1\r\n"`, `":42\r\n"`),
	}
	if diff := cmp.Diff(want, differences); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	settings := newSettings(other)
	settings.Ignore = []string{"$[*]"}
	if got = replay(settings); !got.Passed {
		t.Errorf("%s: %s", got.Reason, got.Message)
	}
}

// serveLines greets each client, and answers its lines. An empty answer ends the connection.
func serveLines(t *testing.T, listener net.Listener, greeting string, answer func(line string) string) string {
	t.Helper()
	t.Cleanup(func() { listener.Close() })
	go peer.Serve(listener, func(conn net.Conn) {
		fmt.Fprint(conn, greeting)
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			said := answer(lines.Text())
			if fmt.Fprint(conn, said); said == "" {
				return
			}
		}
	})
	return listener.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// ask says lines to a server, each when it has heard something after the one before; an empty one is not said.
func ask(t *testing.T, address string, lines ...string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, line := range lines {
		if line != "" {
			fmt.Fprintln(conn, line)
		}
		if _, err := conn.Read(make([]byte, 1<<10)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTurnsOfAWorkload replays a conversation, which the workload begins, to others that say something else.
func TestTurnsOfAWorkload(t *testing.T) {
	echo := func(line string) string { return "you said " + line + "\n" }
	record := inboundOpaque(t, serveLines(t, listen(t), "220 hello\n", echo), func(address string) { ask(t, address, "", "tea", "cup") })
	if obstacle(record) != "" {
		t.Fatal(obstacle(record))
	}
	for name, test := range map[string]struct {
		greeting string
		answer   func(string) string
		want     []string
	}{
		"the same":   {"220 hello\n", echo, nil},
		"longer":     {"220 hello you\n", echo, []string{"$[0]"}},
		"shorter":    {"22\n", echo, []string{"$[0]"}},
		"no more":    {"220 hello\n", func(string) string { return "" }, []string{"$[1]", "$[2]"}},
		"another":    {"220 hello\n", func(line string) string { return strings.Replace(echo(line), "tea", "coffee", 1) }, []string{"$[1]"}},
		"one beyond": {"220 hello\n", func(line string) string { return strings.ReplaceAll(echo(line), "cup\n", "cup\nand more\n") }, []string{"$[2]"}},
	} {
		p := &plan{requests: []*request{newRequest(record, testKey, serveLines(t, listen(t), test.greeting, test.answer), 1)}}
		p.schedule(1)
		var fields []string
		newEngine(p, 20*time.Second).run(t.Context(), func(r result) {
			if r.failure != "" {
				t.Errorf("%s: %s", name, r.failure)
				return
			}
			result := (&compare.Comparer{}).Compare(r.operation, nil, recordedResponse(r.record), r.response, compare.Identity{})
			for _, d := range result.Differences {
				fields = append(fields, d.Field)
			}
		})
		if !slices.Equal(fields, test.want) {
			t.Errorf("%s: %v, want %v", name, fields, test.want)
		}
	}
}

// TestLastWordOfAClient has time for all that was said, from the first byte of either side to the last of either.
func TestLastWordOfAClient(t *testing.T) {
	record := &trafficpb.Record{
		Protocol: traffic.ProtocolOpaque,
		Request: &trafficpb.Message{
			Body: []byte("tea"), BodyLength: 3, FirstByte: 5e9, LastByte: 9e9,
			Pieces: []*trafficpb.Piece{{End: 2, At: 5e9, Kind: 1}, {End: 3, At: 9e9, Kind: 2}},
		},
		Response: &trafficpb.Message{Body: []byte("hi"), BodyLength: 2, FirstByte: 1e9, LastByte: 2e9, Pieces: []*trafficpb.Piece{{End: 2, At: 2e9}}},
	}
	if q := newRequest(record, testKey, "", 2); q.span != 4*time.Second {
		t.Errorf("a span of %v", q.span)
	}
	record.Protocol, record.Request = traffic.ProtocolWebSocket, nil // and one in which the client said nothing
	if q := newRequest(record, testKey, "", 1); q.span != time.Second {
		t.Errorf("a span of %v", q.span)
	}
}

// TestSilentWorkload ends when the time is up, and says what is missing.
func TestSilentWorkload(t *testing.T) {
	echo := func(line string) string { return line + "\n" }
	record := inboundOpaque(t, serveLines(t, listen(t), "hello\n", echo), func(address string) { ask(t, address, "", "tea") })
	silent := serveLines(t, listen(t), "", func(string) string { return "" })
	p := &plan{requests: []*request{newRequest(record, testKey, silent, 1)}}
	p.schedule(1)
	newEngine(p, 2*time.Second).run(t.Context(), func(r result) {
		if r.failure != "" || string(r.response.Body) != "[]" {
			t.Errorf("%s %q", r.failure, r.response.Body)
		}
	})
}

// TestTurnsInTLS replays a conversation that was read in TLS to a workload that speaks nothing else.
func TestTurnsInTLS(t *testing.T) {
	echo := func(line string) string { return line + "\n" }
	record := inboundOpaque(t, serveLines(t, listen(t), "hello\n", echo), func(address string) { ask(t, address, "", "tea") })
	record.Scheme, record.Host = "https", "front"
	certificate, _ := newCertificate(t)
	listener := tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"lines"}})
	if differing, ended := sendAll(t, serveLines(t, listener, "hello\n", echo), []*trafficpb.Record{record}); ended != 1 || len(differing) > 0 {
		t.Errorf("%d ended; %v", ended, differing)
	}
}

func TestObstaclesOfBytes(t *testing.T) {
	certificate, _ := newCertificate(t)
	listener := tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{certificate}})
	server := serveLines(t, listener, "hello\n", func(line string) string { return line })
	record := inboundOpaque(t, server, func(address string) {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = bufio.NewReader(conn).ReadString('\n')
		conn.Close()
	})
	old := &trafficpb.Record{
		Protocol: traffic.ProtocolOpaque, Request: &trafficpb.Message{Body: []byte("a"), BodyLength: 1, FirstByte: 2}, Response: &trafficpb.Message{BodyLength: 1, FirstByte: 1},
	}
	for want, r := range map[string]*trafficpb.Record{
		"TLS that was not read": record, "it does not say who spoke when": old,
		"the workload ended it with reset":   {Protocol: traffic.ProtocolOpaque, Failure: "reset"},
		"bytes that follow another protocol": {Protocol: traffic.ProtocolOpaque, Ordinal: 1},
		"incomplete: request_truncated":      {Protocol: traffic.ProtocolOpaque, Defects: []trafficpb.Defect{trafficpb.Defect_DEFECT_REQUEST_TRUNCATED}},
		"":                                   {Protocol: traffic.ProtocolOpaque, Defects: []trafficpb.Defect{trafficpb.Defect_DEFECT_CUT_OFF}},
	} {
		if got := obstacle(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
