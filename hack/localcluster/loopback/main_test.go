// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// In one's own namespace no privilege is needed beyond CAP_SYS_ADMIN for setns; without it the test says so.
func TestForward(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("entering a network namespace needs root")
	}
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	go func() { // answers only when it has seen the end of the question: half-closing must get through
		c, err := up.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		q, _ := io.ReadAll(c)
		io.WriteString(c, strings.ToUpper(string(q)))
	}()

	dial, err := dialerIn("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- serve(l, func() (net.Conn, error) { return dial(up.Addr().String()) }) }()

	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	c.(*net.TCPConn).CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "HELLO" {
		t.Fatalf("got %q, %v", got, err)
	}
	l.Close()
	if err := <-done; err != nil {
		t.Errorf("serve after the listener was closed: %v", err)
	}
}

func TestUpstreamGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	go serve(l, func() (net.Conn, error) { return net.Dial("tcp", gone.Addr().String()) })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if b, err := io.ReadAll(c); len(b) != 0 || os.IsTimeout(err) {
		t.Errorf("got %q, %v; want the connection closed", b, err)
	}
}

func TestNoSuchNamespace(t *testing.T) {
	if _, err := dialerIn(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no error")
	}
}
