// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command pause is the first process of each pod: it holds the pod's namespaces, reaps orphans, and ends when asked.
package main

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGCHLD, unix.SIGINT, unix.SIGTERM)
	for s := range signals {
		if s != unix.SIGCHLD {
			return
		}
		for {
			// one SIGCHLD may stand for several children
			if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 && err != unix.EINTR {
				break
			}
		}
	}
}
