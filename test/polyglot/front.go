// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The ports on which the front is asked to have a client make its calls.
const (
	portFront    = "8080"
	portFrontTLS = "8443" // HTTP/2 by ALPN
)

// clientTimeout bounds a client: a Java virtual machine that starts on a busy machine takes seconds.
const clientTimeout = 30 * time.Second

// client makes its calls to the host and returns what came back, line by line.
type client func(ctx context.Context, host string) ([]string, error)

// clients are those of all languages, by name.
var clients = map[string]client{
	"curl":   command(curl),
	"python": command(script("/usr/bin/python3", "/clients/client.py")),
	"node":   command(script("/usr/bin/node", "/clients/client.js")),
	"java":   command(script("/jre/bin/java", "-XX:TieredStopAtLevel=1", "-cp", "/clients", "Client")),
	"go":     goClient,
	"grpcs":  grpcInTLS,
	"grpc":   grpcInTheClear,
}

// serveFront serves until it fails. /call/NAME has that client make its calls to the host, and returns what it got.
func serveFront(directory, host string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /call/{client}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("client")
		call, known := clients[name]
		if !known {
			http.Error(w, "no such client: "+name, http.StatusNotFound)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), clientTimeout)
		defer cancel()
		lines, err := call(ctx, host)
		if err != nil {
			http.Error(w, fmt.Sprintf("%s: %v", name, err), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(lines) // who asked may have left
	})
	failed := make(chan error, 2)
	go func() { failed <- server(":"+portFront, mux).ListenAndServe() }()
	go func() {
		failed <- server(":"+portFrontTLS, mux).ListenAndServeTLS(filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key"))
	}()
	return <-failed
}

// command is a client that is a program, which prints a line for each answer.
func command(line func(to string) []string) client {
	return func(ctx context.Context, host string) ([]string, error) {
		words := line("https://" + host + ":" + portHTTPS)
		out, err := exec.CommandContext(ctx, words[0], words[1:]...).Output()
		if failure := (&exec.ExitError{}); errors.As(err, &failure) {
			return nil, fmt.Errorf("%w: %s", err, failure.Stderr)
		}
		if err != nil {
			return nil, err
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n"), nil
	}
}

// script is the command line of a client of ours: where it shall call, and its name, which is that of its language.
func script(words ...string) func(string) []string {
	name := strings.TrimSuffix(words[0][strings.LastIndexByte(words[0], '/')+1:], "3")
	return func(to string) []string { return append(words[:len(words):len(words)], to, name) }
}

func curl(to string) []string {
	options := []string{"-sS", "-w", " by HTTP/%{http_version} %{http_code}\n", "-H", "Authorization: Bearer s3cret-curl"}
	line := append([]string{"/usr/bin/curl"}, options...)
	line = append(line, to+"/greeting?client=curl", "--next")
	line = append(line, options...)
	return append(line, "-H", "Content-Type: application/json", "-d", `{"client":"curl","items":[1,2],"password":"hunter2-curl"}`, to+"/orders")
}
