// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package control is the HTTP API through which proxies and the generator talk to the responder.
package control

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/restage-dev/restage/pkg/responder/outcome"
)

const (
	longestBody  = 4 << 20 // bytes of a request
	longestPod   = 253     // bytes of the name of a pod
	defaultLimit = 1000    // outcomes in an answer
	mostLimit    = 10_000
	flushTimeout = 2 * time.Second
)

// Play is what the API tells of a loaded recording.
type Play struct {
	// Ports are those that each name is called at; a proxy that no rules lead connections to listens there.
	Ports    map[string][]uint16
	CA       string // certifies the names over TLS, as PEM; "" when TLS is played as bytes
	Outcomes *outcome.Log
	Reporter *outcome.Reporter
	Unused   func() int
	Rejected func() int64
	// Internal counts the connections that were led to copies of other workloads.
	Internal func() int64
	// Unplayable is the number of records that cannot answer a call.
	Unplayable int
}

// Stats is the answer of GET /v1/stats.
type Stats struct {
	Instance    string          `json:"instance"` // ULID of this process
	Matches     outcome.Matches `json:"matches"`
	Proxies     []Proxy         `json:"proxies"`
	Unused      int             `json:"unused"`      // playable records that answered no call
	Unplayable  int             `json:"unplayable"`  // records that cannot answer a call
	Unexplained int64           `json:"unexplained"` // misses without an explanation
	Rejected    int64           `json:"rejected"`    // tunnels without the token
	Internal    int64           `json:"internal"`    // connections that were led to copies of other workloads
}

// API answers the calls. Until Loaded it is not ready.
type API struct {
	instance string
	token    string
	log      *slog.Logger
	proxies  *proxies
	play     atomic.Pointer[Play]
}

// New returns the API of the process called instance, for callers that show the token.
func New(instance, token string, log *slog.Logger) *API {
	return &API{instance: instance, token: token, log: log, proxies: newProxies(time.Now)}
}

// Loaded makes the API ready.
func (a *API) Loaded(p *Play) { a.play.Store(p) }

// Handler serves the API.
func (a *API) Handler() http.Handler {
	private := http.NewServeMux()
	private.HandleFunc("GET /v1/names", a.loaded(a.names))
	private.HandleFunc("GET /v1/outcomes", a.loaded(a.outcomes))
	private.HandleFunc("GET /v1/stats", a.loaded(a.stats))
	private.HandleFunc("PUT /v1/proxies/{pod}", a.putProxy)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /readyz", a.loaded(func(http.ResponseWriter, *http.Request, *Play) {}))
	mux.Handle("GET /metrics", a.metrics())
	mux.Handle("/v1/", a.authenticated(private))
	return mux
}

func (a *API) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(a.token)) != 1 {
			http.Error(w, "the environment's token is required", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loaded answers 503 until the recording is loaded.
func (a *API) loaded(next func(http.ResponseWriter, *http.Request, *Play)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		play := a.play.Load()
		if play == nil {
			http.Error(w, "the recording is not loaded yet", http.StatusServiceUnavailable)
			return
		}
		next(w, r, play)
	}
}

func (a *API) names(w http.ResponseWriter, _ *http.Request, p *Play) {
	a.write(w, struct {
		Ports map[string][]uint16 `json:"ports"`
		CA    string              `json:"ca,omitempty"`
	}{p.Ports, p.CA})
}

func (a *API) stats(w http.ResponseWriter, _ *http.Request, p *Play) {
	a.write(w, Stats{
		Instance: a.instance, Matches: p.Outcomes.Matches(), Proxies: a.proxies.all(), Unused: p.Unused(),
		Unplayable: p.Unplayable, Unexplained: p.Reporter.Unexplained(), Rejected: p.Rejected(), Internal: p.Internal(),
	})
}

func (a *API) outcomes(w http.ResponseWriter, r *http.Request, p *Play) {
	after, err := number(r, "after", 0, 0, 1<<63-1)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	limit, err := number(r, "limit", defaultLimit, 1, mostLimit)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	// Misses of calls that were answered before this one was made are to be in the answer.
	ctx, cancel := context.WithTimeout(r.Context(), flushTimeout)
	defer cancel()
	if err := p.Reporter.Flush(ctx); err != nil {
		a.log.Warn("Explanations are late; outcomes may be asked for again", "err", err)
	}
	a.write(w, p.Outcomes.After(uint64(after), int(limit)))
}

func (a *API) putProxy(w http.ResponseWriter, r *http.Request) {
	var proxy Proxy
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, longestBody)).Decode(&proxy); err != nil {
		http.Error(w, "reading the counters: "+err.Error(), http.StatusBadRequest)
		return
	}
	proxy.Pod = r.PathValue("pod")
	if len(proxy.Pod) > longestPod {
		http.Error(w, fmt.Sprintf("pod: %d bytes, allowed are %d", len(proxy.Pod), longestPod), http.StatusBadRequest)
		return
	}
	if err := a.proxies.put(proxy); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) write(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil { // the caller is gone
		a.log.Debug("An answer was not taken", "err", err)
	}
}

// number reads a parameter of the query.
func number(r *http.Request, name string, missing, least, most int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s: %q, allowed are %d to %d", name, text, least, most)
	}
	return n, nil
}
