// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package terminal holds a conversation in tests with a program in a pseudo-terminal, as a user would.
package terminal

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// size of the terminal: wide enough that no text a test looks for is wrapped.
var size = &pty.Winsize{Rows: 50, Cols: 120}

// Terminal is the user's end.
type Terminal struct {
	t    *testing.T
	user *os.File

	mu   sync.Mutex
	text []byte // all that was printed
	seen int    // how much of it has been expected
	grew chan struct{}
}

// Open returns a terminal and the end that belongs to the program.
func Open(t *testing.T) (*Terminal, *os.File) {
	t.Helper()
	user, program, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(user, size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = program.Close()
		_ = user.Close()
	})
	return attach(t, user), program
}

// Start runs a program in a terminal. It is killed when the test ends.
func Start(t *testing.T, name string, args ...string) (*Terminal, *exec.Cmd) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	user, err := pty.StartWithSize(command, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = user.Close() })
	return attach(t, user), command
}

func attach(t *testing.T, user *os.File) *Terminal {
	terminal := &Terminal{t: t, user: user, grew: make(chan struct{}, 1)}
	go terminal.read()
	return terminal
}

func (t *Terminal) read() {
	buffer := make([]byte, 4096)
	for {
		n, err := t.user.Read(buffer)
		t.mu.Lock()
		t.text = append(t.text, buffer[:n]...)
		t.mu.Unlock()
		select {
		case t.grew <- struct{}{}:
		default:
		}
		if err != nil { // the program has ended
			return
		}
	}
}

// Expect waits for text after what was expected before.
func (t *Terminal) Expect(within time.Duration, text string) {
	t.t.Helper()
	deadline := time.After(within)
	for !t.find(text) {
		select {
		case <-t.grew:
		case <-deadline:
			t.t.Fatalf("%q: not printed within %s after:\n%s", text, within, t.Text())
		}
	}
}

func (t *Terminal) find(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := bytes.Index(t.text[t.seen:], []byte(text))
	if i >= 0 {
		t.seen += i + len(text)
	}
	return i >= 0
}

// Answer types text and Enter.
func (t *Terminal) Answer(text string) { t.Type(text + "\r") }

// Type types text alone.
func (t *Terminal) Type(text string) {
	t.t.Helper()
	if _, err := t.user.WriteString(text); err != nil {
		t.t.Fatal(err)
	}
}

// control are the sequences that move the cursor and set colours.
var control = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

// Text is all that was printed, without the movements of the cursor.
func (t *Terminal) Text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return control.ReplaceAllString(string(t.text), "")
}
