// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// screen keeps what a program wrote to its terminal.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) read(from *os.File) {
	for buffer := make([]byte, 4096); ; {
		n, err := from.Read(buffer)
		s.mu.Lock()
		s.text.Write(buffer[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// shows waits until the terminal has shown a text.
func (s *screen) shows(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for tick := time.NewTicker(10 * time.Millisecond); !strings.Contains(s.String(), text); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%q was not shown: %q", text, s.String())
		}
	}
}

func TestTerminal(t *testing.T) {
	outside, inside, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(outside, &pty.Winsize{Rows: 24, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	var seen screen
	var reading sync.WaitGroup
	reading.Go(func() { seen.read(outside) })

	display := New(inside)
	if _, ok := display.(*terminal); !ok {
		t.Fatalf("a terminal gets %T", display)
	}
	display.Step("waiting for the pods")
	seen.shows(t, "waiting for the pods")
	display.Say("a line that stays")
	seen.shows(t, "a line that stays")
	display.Count(3, 4, "7 requests/s")
	seen.shows(t, "3 / 4")
	seen.shows(t, "75 %")
	seen.shows(t, "7 requests/s")
	display.Count(4, 4, "")
	seen.shows(t, "4 / 4")
	display.Step("clearing up")
	seen.shows(t, "clearing up")
	display.Close()
	_ = inside.Close()
	_ = outside.Close()
	reading.Wait()
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	display := New(&out)
	display.Step("waiting")
	display.Step("waiting")
	display.Say("a line")
	for done := range int64(101) {
		display.Count(done*3, 300, "7 requests/s")
	}
	display.Count(1, 0, "")
	display.Close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 12 || lines[0] != "waiting" || lines[1] != "a line" || lines[2] != "30 of 300 (10%), 7 requests/s" || lines[11] != "300 of 300 (100%), 7 requests/s" {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}
