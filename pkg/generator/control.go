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

// control is a client of the responder's control API.
type control struct {
	base   string
	token  string
	client *http.Client
}

// stats is the answer of GET /v1/stats.
type stats struct {
	Instance string `json:"instance"`
	Matches  struct {
		Total    int64 `json:"total"`
		Exact    int64 `json:"exact"`
		Denoised int64 `json:"denoised"`
		Missed   int64 `json:"missed"`
	} `json:"matches"`
	Proxies []proxyStats `json:"proxies"`
	Unused  int64        `json:"unused"`
}

type proxyStats struct {
	Pod          string   `json:"pod"`
	PodIP        string   `json:"podIP"`
	Instance     string   `json:"instance"`
	Attempted    int64    `json:"attempted"`
	Answered     int64    `json:"answered"`
	Refused      int64    `json:"refused"`
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
	Next    int64 `json:"next"`
	Dropped int64 `json:"dropped"`
}

func newControl(address, tokenFile string) (*control, error) {
	f, err := os.Open(tokenFile)
	if err != nil {
		return nil, fmt.Errorf("reading the environment's token: %w", err)
	}
	defer f.Close()
	token, err := io.ReadAll(io.LimitReader(f, maxToken))
	if err != nil {
		return nil, fmt.Errorf("reading the environment's token: %w", err)
	}
	return &control{
		base:   "http://" + address,
		token:  string(bytes.TrimSpace(token)),
		client: &http.Client{Timeout: controlTimeout, Transport: &http.Transport{}}, // no proxy from the environment variables
	}, nil
}

// ready tells whether the responder plays.
func (c *control) ready(ctx context.Context) error { return c.get(ctx, "/readyz", nil) }

func (c *control) stats(ctx context.Context) (*stats, error) {
	var s stats
	return &s, c.get(ctx, "/v1/stats", &s)
}

func (c *control) outcomes(ctx context.Context, after int64) (*outcomes, error) {
	var o outcomes
	return &o, c.get(ctx, fmt.Sprintf("/v1/outcomes?after=%d&limit=%d", after, outcomesPage), &o)
}

// get reads the JSON answer to a call into a value, unless that is nil.
func (c *control) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return fmt.Errorf("asking the responder: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.client.Do(request)
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
