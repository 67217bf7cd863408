// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

type wireOnly struct{}

var errWire = errors.New("over the wire")

func (wireOnly) RoundTrip(*http.Request) (*http.Response, error) { return nil, errWire }

func TestReadsAreAnsweredInProcess(t *testing.T) {
	type key struct{}
	server := &inProcess{}
	var seen *http.Request
	handler := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		if r.URL.Path == "/broken" {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "not here")
	}))
	transport := inProcessTransport{server, wireOnly{}}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "secret"))
	defer cancel()
	do := func(method, url string) (*http.Response, error) {
		request, err := http.NewRequestWithContext(ctx, method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		return transport.RoundTrip(request)
	}
	if _, err := do(http.MethodGet, "https://host/a"); !errors.Is(err, errWire) {
		t.Errorf("before there is a server: %v", err)
	}
	server.handler.Store(&handler)
	if _, err := do(http.MethodGet, "https://host/a?watch=true"); !errors.Is(err, errWire) {
		t.Errorf("a watch: %v", err)
	}
	if _, err := do(http.MethodPost, "https://host/a"); !errors.Is(err, errWire) {
		t.Errorf("a write: %v", err)
	}
	response, err := do(http.MethodGet, "https://host/a?limit=1")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusNotFound || response.Header.Get("X-Answer") != "yes" || string(body) != "not here" {
		t.Errorf("the answer is %+v, %q, %v", response, body, err)
	}
	if seen.RequestURI != "/a?limit=1" || seen.Context().Value(key{}) != nil {
		t.Errorf("the handler saw %q with the value %v", seen.RequestURI, seen.Context().Value(key{}))
	}
	if _, err := do(http.MethodGet, "https://host/broken"); err == nil || !strings.Contains(err.Error(), "/broken was broken off") {
		t.Errorf("a request that is broken off: %v", err)
	}
	cancel()
	if seen.Context().Err() == nil {
		t.Error("the request that answers goes on without the one that asks")
	}
}
