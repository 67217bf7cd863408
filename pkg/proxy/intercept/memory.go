// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package intercept

import (
	"sync"
	"time"

	"k8s.io/utils/lru"
)

const (
	// mostNames are remembered; those that were not met for longest are forgotten, and tried again.
	mostNames = 1024
	// retryServer is how long a server whose handshake failed is passed through before it is tried again.
	retryServer = time.Minute
	// silentVisits is how often in a row clients of a name must leave without a word to be taken for clients that pin.
	silentVisits = 3
)

// failure names a server as a client sees it.
type failure struct{ name, address string }

type failed struct {
	reason Reason
	until  time.Time
}

// memory holds which connections cannot be intercepted.
type memory struct {
	now     func() time.Time
	servers *lru.Cache // of failed by failure

	mu      sync.Mutex // of read and write together
	clients *lru.Cache // of *visits by name
}

// visits are those of clients of one name.
type visits struct {
	refused bool
	spoken  bool // a client has gone on after the handshake
	silent  int  // that left without a word, in a row
}

func newMemory() *memory {
	return &memory{now: time.Now, servers: lru.New(mostNames), clients: lru.New(mostNames)}
}

// reason says why connections are passed through, "" when they are not.
func (m *memory) reason(f failure) Reason {
	if v, ok := m.clients.Get(f.name); ok {
		m.mu.Lock()
		refused := v.(*visits).refused
		m.mu.Unlock()
		if refused {
			return ClientRefused
		}
	}
	if v, ok := m.servers.Get(f); ok && m.now().Before(v.(failed).until) {
		return v.(failed).reason
	}
	return ""
}

// fail remembers a server for a while, and tells whether that is news.
func (m *memory) fail(f failure, reason Reason) bool {
	before, known := m.servers.Get(f)
	m.servers.Add(f, failed{reason, m.now().Add(retryServer)})
	return !known || before.(failed).reason != reason
}

// refuse remembers that clients of a name do not take our certificate, and tells whether that is news.
func (m *memory) refuse(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.visits(name)
	news := !v.refused
	v.refused = true
	return news
}

// left counts a visit after which the client had sent so many bytes, and tells whether that shows that clients of the name pin.
func (m *memory) left(name string, sent int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.visits(name)
	if sent > 0 {
		v.spoken, v.silent = true, 0
		return false
	}
	v.silent++
	if v.spoken || v.refused || v.silent < silentVisits {
		return false
	}
	v.refused = true
	return true
}

func (m *memory) visits(name string) *visits {
	if v, ok := m.clients.Get(name); ok {
		return v.(*visits)
	}
	v := &visits{}
	m.clients.Add(name, v)
	return v
}
