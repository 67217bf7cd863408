// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command polyglot is both sides of the end-to-end test of TLS, HTTP/2 and gRPC: a dependency that speaks them, and a front whose clients
// are written in several languages.
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "polyglot:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "dependency":
		return serveDependency(args[1])
	case len(args) == 3 && args[0] == "front":
		return serveFront(args[1], args[2])
	}
	return fmt.Errorf("%q: want `dependency DIRECTORY` or `front DIRECTORY HOST`: tls.crt and tls.key are in the directory, the host is the dependency", args)
}

// server is one with a bound on how long a client may take over its head.
func server(address string, handler http.Handler) *http.Server {
	return &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
}
