// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// mostProxies is the number of proxies, each start of one counted, whose counters are kept.
	mostProxies = 1024
	// mostNames is the number of refused names that are kept of one proxy.
	mostNames = 1000
	// silence is how long a proxy may not report until it is taken for dead. It reports every second, and gives a connection that it cannot
	// lead anywhere five.
	silence = 7 * time.Second
)

// Proxy is the counters of one proxy since its start.
type Proxy struct {
	Pod          string   `json:"pod"`
	PodIP        string   `json:"podIP"`
	Instance     string   `json:"instance"` // ULID of the process
	Workload     string   `json:"workload"`
	Attempted    uint64   `json:"attempted"`
	Answered     uint64   `json:"answered"`
	Refused      uint64   `json:"refused"`
	Dropped      uint64   `json:"dropped"` // packets of other protocols than TCP
	RefusedNames []string `json:"refusedNames"`
}

// proxies keeps the newest counters of each proxy. Those of an instance that is gone stay: they are evidence.
type proxies struct {
	now    func() time.Time
	mu     sync.Mutex
	newest map[instanceKey]counted
}

type counted struct {
	Proxy
	at time.Time
}

func newProxies(now func() time.Time) *proxies {
	return &proxies{now: now, newest: map[instanceKey]counted{}}
}

type instanceKey struct{ pod, id string }

// put keeps the counters. The error says what is wrong with them.
func (p *proxies) put(proxy Proxy) error {
	switch {
	case proxy.Instance == "":
		return fmt.Errorf("instance: required")
	case proxy.Answered+proxy.Refused > proxy.Attempted:
		return fmt.Errorf("attempted: %d is less than answered %d and refused %d", proxy.Attempted, proxy.Answered, proxy.Refused)
	case len(proxy.RefusedNames) > mostNames:
		return fmt.Errorf("refusedNames: %d, allowed are %d", len(proxy.RefusedNames), mostNames)
	}
	if proxy.RefusedNames == nil {
		proxy.RefusedNames = []string{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	key := instanceKey{proxy.Pod, proxy.Instance}
	if _, ok := p.newest[key]; !ok && len(p.newest) == mostProxies {
		return fmt.Errorf("pod: the counters of %d proxies are kept already", mostProxies)
	}
	p.newest[key] = counted{proxy, p.now()}
	return nil
}

// all returns the counters ordered by pod and instance. What an instance that has died was about to connect is refused: the kernel reset it
// when the process ended, and the process did not live to count it.
func (p *proxies) all() []Proxy {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := map[string]string{} // instance of each pod; the identifiers ascend with time
	for key := range p.newest {
		last[key.pod] = max(last[key.pod], key.id)
	}
	list := make([]Proxy, 0, len(p.newest))
	for key, proxy := range p.newest {
		if last[key.pod] != key.id || p.now().Sub(proxy.at) > silence {
			proxy.Refused = proxy.Attempted - proxy.Answered
		}
		list = append(list, proxy.Proxy)
	}
	slices.SortFunc(list, func(a, b Proxy) int {
		return cmp.Or(cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.Instance, b.Instance))
	})
	return list
}
