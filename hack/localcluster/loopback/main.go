// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command loopback makes a TCP port of a network namespace reachable on the loopback address of the namespace it is
// started in. The cluster's own network is not connected to the machine's; this is the one door, for kubectl.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	log.SetPrefix("loopback: ")
	netns := flag.String("netns", "", "`file` of the network namespace to dial in")
	target := flag.String("target", "", "`address:port` to dial there (no name: nothing is resolved there)")
	listen := flag.String("listen", "127.0.0.1:0", "`address:port` to listen on here; port 0 takes a free one")
	addrFile := flag.String("address-file", "", "`file` that gets the address, once connections are taken")
	flag.Parse()

	dial, err := dialerIn(*netns)
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	if err := writeFile(*addrFile, l.Addr().String()+"\n"); err != nil {
		log.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { <-signals; l.Close() }()
	if err := serve(l, func() (net.Conn, error) { return dial(*target) }); err != nil {
		log.Fatal(err)
	}
}

// serve forwards each connection until the listener is closed.
func serve(l net.Listener, dial func() (net.Conn, error)) error {
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		go func() {
			defer c.Close()
			up, err := dial()
			if err != nil {
				log.Print(err)
				return
			}
			defer up.Close()
			forward(c, up)
		}()
	}
}

// forward copies both ways until both sides have ended. The end of one direction is passed on as just that.
func forward(a, b net.Conn) {
	var wg sync.WaitGroup
	for _, p := range [][2]net.Conn{{a, b}, {b, a}} {
		wg.Go(func() {
			dst, src := p[0], p[1]
			if _, err := io.Copy(dst, src); err != nil {
				// a reset: nothing more will come through either way
				dst.Close()
				src.Close()
				return
			}
			dst.(*net.TCPConn).CloseWrite()
		})
	}
	wg.Wait()
}

// dialerIn returns a function that opens connections in the given network namespace. A socket belongs to the
// namespace of the thread that makes it, so one thread enters the namespace for good and makes them all.
func dialerIn(netns string) (func(addr string) (net.Conn, error), error) {
	type result struct {
		conn net.Conn
		err  error
	}
	type request struct {
		addr  string
		reply chan result
	}
	requests := make(chan request)
	entered := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread must not run anything else
		err := enter(netns)
		entered <- err
		if err != nil {
			return
		}
		d := net.Dialer{Timeout: 5 * time.Second}
		for r := range requests {
			// with an IP address there is no resolver and no race of several attempts: all happens on this thread
			c, err := d.Dial("tcp", r.addr)
			r.reply <- result{c, err}
		}
	}()
	if err := <-entered; err != nil {
		return nil, err
	}
	return func(addr string) (net.Conn, error) {
		r := request{addr, make(chan result, 1)}
		requests <- r
		res := <-r.reply
		return res.conn, res.err
	}, nil
}

func enter(netns string) error {
	f, err := os.Open(netns)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter %s: %w", netns, err)
	}
	return nil
}

// writeFile writes in one step, so that who waits for the file never reads a part of it.
func writeFile(name, data string) error {
	if name == "" {
		return nil
	}
	tmp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".tmp")
	if err := os.WriteFile(tmp, []byte(data), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}
