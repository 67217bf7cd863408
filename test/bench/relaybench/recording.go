// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/test/bench/controlplane"
)

// handoverTimeout is what the last records have to reach the forwarder after the load.
const handoverTimeout = 30 * time.Second

// recording is where the records go, and how long the relay takes until it is ready to make some.
type recording struct {
	forwarder *forwardertest.Server
	tokenFile string
	start     time.Duration
}

// startForwarder starts the forwarder in this process: its work is not the relay's.
func (b *bench) startForwarder() (closeForwarder func(), err error) {
	server, err := forwardertest.New(b.dir)
	if err != nil {
		return nil, err
	}
	const token = "bench"
	server.Users.Add(token, auth.PodIdentity(auth.Pod{Namespace: "bench", Name: "front-1", UID: "front-1"}, "default"))
	b.recorded = recording{forwarder: server, tokenFile: filepath.Join(b.dir, "token")}
	if err := os.WriteFile(b.recorded.tokenFile, []byte(token), 0o600); err != nil {
		return nil, err
	}
	if err := server.Open(); err != nil {
		return nil, err
	}
	return func() { _ = server.Close() }, nil
}

// startRecording starts our relay and takes the time until it accepts connections.
func (b *bench) startRecording(ctx context.Context, p protocol, address string) (*relay, error) {
	port, err := controlplane.FreePort()
	if err != nil {
		return nil, err
	}
	admin := fmt.Sprintf("127.0.0.1:%d", port)
	begin := time.Now()
	r, err := b.start(ctx, p, restage, address, b.peer, "record", address, admin, b.target,
		b.recorded.forwarder.Address, b.recorded.forwarder.CAFile, b.recorded.tokenFile)
	if err != nil {
		return nil, err
	}
	b.recorded.start = max(b.recorded.start, time.Since(begin))
	r.admin = admin
	return r, nil
}

// counters of our relay, of all their labels together.
type counters struct{ acknowledged, lost int }

// completeness waits until the forwarder has what was recorded, and says what became of the requests.
func (b *bench) completeness(ctx context.Context, r *relay) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, handoverTimeout)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		c, err := readCounters(ctx, r.admin)
		if err != nil {
			return "", err
		}
		told := fmt.Sprintf("of %d requests the forwarder has %d, and %d are counted as lost.", r.requests, c.acknowledged, c.lost)
		if c.acknowledged+c.lost >= r.requests {
			return told, nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return told + " The rest is missing.", nil
		}
	}
}

func readCounters(ctx context.Context, admin string) (c counters, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/metrics", nil)
	if err != nil {
		return c, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return c, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		family, _, _ := strings.Cut(name, "{")
		counter := map[string]*int{
			"restage_proxy_records_acknowledged_total": &c.acknowledged, "restage_proxy_losses_total": &c.lost,
		}[family]
		if counter == nil {
			continue
		}
		number, err := strconv.ParseFloat(value[strings.LastIndexByte(value, ' ')+1:], 64)
		if err != nil {
			return c, fmt.Errorf("reading the metric %s: %w", family, err)
		}
		*counter += int(number)
	}
	return c, lines.Err()
}
