// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

const (
	// mostProxies is the number of proxies, each start of one counted, whose counters are kept.
	mostProxies = 1024
	// mostNames is the number of refused names that are kept of one proxy.
	mostNames = 1000
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
	RefusedNames []string `json:"refusedNames"`
}

// proxies keeps the newest counters of each proxy. Those of an instance that is gone stay: they are evidence.
type proxies struct {
	mu     sync.Mutex
	newest map[instanceKey]Proxy
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
	p.newest[key] = proxy
	return nil
}

// all returns the counters ordered by pod and instance.
func (p *proxies) all() []Proxy {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]Proxy, 0, len(p.newest))
	for _, proxy := range p.newest {
		list = append(list, proxy)
	}
	slices.SortFunc(list, func(a, b Proxy) int {
		return cmp.Or(cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.Instance, b.Instance))
	})
	return list
}
