// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

var logged = wiring.Object{Namespace: "shop", Name: "run", UID: "run-uid"}

func keptLines(t *testing.T, conn *grpc.ClientConn) (lines []string) {
	t.Helper()
	stream, err := trafficpb.NewReplaysClient(conn).GetLog(t.Context(), &trafficpb.GetLogRequest{Replay: reference(logged), Tail: -1})
	if err != nil {
		t.Fatal(err)
	}
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range response.GetLines() {
			lines = append(lines, line.GetSource()+": "+line.GetText())
		}
	}
}

func TestLogGoesToTheForwarder(t *testing.T) {
	conn := forwardertest.Start(t).DialUser(t, "generator")
	l := newRunLog(t.Context(), trafficpb.NewReplaysClient(conn), logged)
	log := slog.New(l.handler()).With("part", "engine")
	log.Info("replay starts", "requests", 3)
	log.WithGroup("g").Warn("two\nlines", "time", "noon")
	l.close()
	want := []string{
		`generator: level=INFO msg="replay starts" part=engine requests=3`,
		`generator: level=WARN msg="two\nlines" part=engine g.time=noon`,
	}
	if got := keptLines(t, conn); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("the log has %q", got)
	}
}

// Who logs more than can be sent is not held up; what is lost is counted in the log.
func TestLostLinesAreCounted(t *testing.T) {
	conn := forwardertest.Start(t).DialUser(t, "generator")
	l := &runLog{
		replays: trafficpb.NewReplaysClient(conn), replay: logged,
		lines: make(chan *trafficpb.LogLine, logLines), ending: make(chan struct{}), done: make(chan struct{}),
	}
	for n := range logLines + 7 { // nothing is sent yet
		fmt.Fprintf(l, "line %d", n)
	}
	go l.run(t.Context())
	l.close()
	got := strings.Join(keptLines(t, conn), "\n")
	if !strings.Contains(got, "line 0\n") || !strings.Contains(got, "line 999") || strings.Contains(got, "line 1000") || !strings.Contains(got, "7 lines of the log were lost") {
		t.Errorf("the log has %s", got)
	}
}
