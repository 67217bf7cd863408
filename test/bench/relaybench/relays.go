// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/restage-dev/restage/test/bench/controlplane"
)

const startTimeout = 30 * time.Second

// relay is one of those that are compared.
type relay struct {
	name, address string
	process       *controlplane.Process // nil: there is none between
	admin         string                // of the one that records
	usual, high   measured
	requests      int
}

// Names of the relays.
const (
	none         = "none"
	toxiproxy    = "toxiproxy"
	reverseProxy = "ReverseProxy"
	restage      = "restage-proxy, recording"
)

func (r *relay) cpu() (time.Duration, error) {
	if r.process == nil {
		return 0, nil
	}
	return r.process.CPU()
}

func (r *relay) memory() (int64, error) {
	if r.process == nil {
		return 0, nil
	}
	return r.process.PeakRSS()
}

// startRelays starts all of them, in front of the same server.
func (b *bench) startRelays(ctx context.Context, p protocol) ([]*relay, error) {
	var addresses [4]string // of toxiproxy and its API, of ReverseProxy, of ours
	for i := range addresses {
		port, err := controlplane.FreePort()
		if err != nil {
			return nil, err
		}
		addresses[i] = fmt.Sprintf("127.0.0.1:%d", port)
	}
	plain, err := b.startToxiproxy(ctx, p, addresses[0], addresses[1])
	if err != nil {
		return nil, fmt.Errorf("starting toxiproxy: %w", err)
	}
	mode := "http1"
	if p == h2c {
		mode = "h2c"
	}
	reverse, err := b.start(ctx, p, reverseProxy, addresses[2], b.peer, "reverseproxy", addresses[2], b.target, mode)
	if err != nil {
		return nil, err
	}
	ours, err := b.startRecording(ctx, p, addresses[3])
	if err != nil {
		return nil, err
	}
	return []*relay{{name: none, address: b.target}, plain, reverse, ours}, nil
}

// start runs a program and waits until something listens at the address.
func (b *bench) start(ctx context.Context, p protocol, name, address, program string, args ...string) (*relay, error) {
	log := filepath.Join(b.dir, strings.NewReplacer(" ", "", ",", "-", "/", "").Replace(name+string(p))+".log")
	process, err := controlplane.Run(ctx, log, name, program, args...)
	if err != nil {
		return nil, err
	}
	b.started = append(b.started, process)
	if err := await(ctx, process, address); err != nil {
		return nil, fmt.Errorf("waiting for %s: %w; its log is %s", name, err, log)
	}
	return &relay{name: name, address: address, process: process}, nil
}

// await returns when something listens.
func await(ctx context.Context, process *controlplane.Process, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
		select {
		case <-ticker.C:
		case <-process.Done():
			return errors.New("it ended")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// startToxiproxy has toxiproxy relay, without toxics.
func (b *bench) startToxiproxy(ctx context.Context, p protocol, address, api string) (*relay, error) {
	host, port, err := net.SplitHostPort(api)
	if err != nil {
		return nil, err
	}
	r, err := b.start(ctx, p, toxiproxy, api, b.toxiproxy, "-host", host, "-port", port)
	if err != nil {
		return nil, err
	}
	r.address = address
	definition := fmt.Sprintf(`{"name":"bench","listen":%q,"upstream":%q,"enabled":true}`, address, b.target)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+api+"/proxies", strings.NewReader(definition))
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return nil, fmt.Errorf("it answers %s: %s", response.Status, said)
	}
	return r, nil
}
