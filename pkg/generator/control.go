// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	controlTimeout = 5 * time.Second
	maxControlBody = 64 << 20
	maxToken       = 4096
	outcomesPage   = 1000
)

// client calls the responder's control API.
type client struct {
	base  string
	token string
	http  *http.Client
}

// stats is the answer of GET /v1/stats.
type stats struct {
	Instance string       `json:"instance"`
	Matches  matches      `json:"matches"`
	Proxies  []proxyStats `json:"proxies"`
	Unused   int64        `json:"unused"`
	Internal int64        `json:"internal"`
}

type matches struct {
	Total    int64 `json:"total"`
	Exact    int64 `json:"exact"`
	Denoised int64 `json:"denoised"`
	Missed   int64 `json:"missed"`
}

type proxyStats struct {
	Pod          string   `json:"pod"`
	Instance     string   `json:"instance"`
	Attempted    int64    `json:"attempted"`
	Answered     int64    `json:"answered"`
	Refused      int64    `json:"refused"`
	Dropped      int64    `json:"dropped"`
	RefusedNames []string `json:"refusedNames"`
}

// outcomes is the answer of GET /v1/outcomes.
type outcomes struct {
	Outcomes []struct {
		Time        time.Time `json:"time"`
		Key         string    `json:"key"`
		Operation   string    `json:"operation"`
		Tier        string    `json:"tier"`
		Explanation string    `json:"explanation"`
	} `json:"outcomes"`
	Next int64 `json:"next"`
}

func newClient(address, tokenFile string) (*client, error) {
	f, err := os.Open(tokenFile)
	if err != nil {
		return nil, fmt.Errorf("reading the environment's token: %w", err)
	}
	defer f.Close()
	token, err := io.ReadAll(io.LimitReader(f, maxToken))
	if err != nil {
		return nil, fmt.Errorf("reading the environment's token: %w", err)
	}
	return &client{
		base:  "http://" + address,
		token: string(bytes.TrimSpace(token)),
		http:  &http.Client{Timeout: controlTimeout, Transport: &http.Transport{}}, // no proxy from the environment variables
	}, nil
}

// ready tells whether the responder plays.
func (c *client) ready(ctx context.Context) error { return c.get(ctx, "/readyz", nil) }

func (c *client) stats(ctx context.Context) (*stats, error) {
	var s stats
	return &s, c.get(ctx, "/v1/stats", &s)
}

func (c *client) outcomes(ctx context.Context, after int64) (*outcomes, error) {
	var o outcomes
	return &o, c.get(ctx, fmt.Sprintf("/v1/outcomes?after=%d&limit=%d", after, outcomesPage), &o)
}

// get reads the JSON answer to a call into a value, unless that is nil.
func (c *client) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return fmt.Errorf("asking the responder: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("asking the responder: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxControlBody))
	if err != nil {
		return fmt.Errorf("reading the responder's answer to %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("asking the responder: GET %s: status %s", path, response.Status)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("reading the responder's answer to %s: %w", path, err)
	}
	return nil
}
