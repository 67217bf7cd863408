// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package isolate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	controlTimeout = 5 * time.Second
	maxNamesAnswer = 32 << 20 // bytes
	maxToken       = 4096     // bytes
)

// control calls the control API of the responder.
type control struct {
	address   netip.AddrPort
	tokenFile string
	client    *http.Client
}

func newControl(address netip.AddrPort, tokenFile string) *control {
	// Neither a proxy from the environment nor a redirect may lead the token elsewhere.
	return &control{address: address, tokenFile: tokenFile, client: &http.Client{
		Transport:     &http.Transport{Proxy: nil, MaxIdleConns: 2, IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       controlTimeout,
	}}
}

// report is the body of PUT /v1/proxies/{pod}.
type report struct {
	Instance     string   `json:"instance"`
	PodIP        string   `json:"podIP"`
	Workload     string   `json:"workload"`
	Attempted    uint64   `json:"attempted"`
	Answered     uint64   `json:"answered"`
	Refused      uint64   `json:"refused"`
	Dropped      uint64   `json:"dropped"`
	RefusedNames []string `json:"refusedNames"`
}

// recorded is what the responder plays.
type recorded struct {
	Ports map[string][]uint16 `json:"ports"` // of hosts in the recording, at which each was called
	CA    string              `json:"ca"`    // who certifies them, as PEM
}

// names asks what is recorded.
func (c *control) names(ctx context.Context) (answer recorded, err error) {
	data, err := c.call(ctx, http.MethodGet, "/v1/names", nil, http.StatusOK)
	if err != nil {
		return answer, fmt.Errorf("asking the responder for names: %w", err)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return answer, fmt.Errorf("reading the responder's names: %w", err)
	}
	return answer, nil
}

// put hands over the counters of a pod.
func (c *control) put(ctx context.Context, pod string, r report) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding the report for the responder: %w", err)
	}
	if _, err := c.call(ctx, http.MethodPut, "/v1/proxies/"+url.PathEscape(pod), body, http.StatusNoContent); err != nil {
		return fmt.Errorf("reporting to the responder: %w", err)
	}
	return nil
}

func (c *control) call(ctx context.Context, method, path string, body []byte, want int) ([]byte, error) {
	token, err := readToken(c.tokenFile)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+c.address.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxNamesAnswer+1))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != want {
		return nil, fmt.Errorf("%s %s: status %d, want %d", method, path, response.StatusCode, want)
	}
	if len(data) > maxNamesAnswer {
		return nil, fmt.Errorf("%s %s: more than %d bytes", method, path, maxNamesAnswer)
	}
	return data, nil
}

// readToken reads the environment's token, which may have been rotated.
func readToken(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading the environment's token: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("reading the environment's token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" || len(data) > maxToken {
		return "", fmt.Errorf("token file %s: %d bytes, allowed are 1 to %d", path, len(data), maxToken)
	}
	return token, nil
}
