// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replaylimits

import (
	"context"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// place is a replay that has been let through, as long as its request runs.
type place struct {
	namespace string
	uid       types.UID
	workloads []string
}

// places are those of all running requests, in the order in which they were taken. The zero value is empty.
type places struct {
	mutex sync.Mutex
	taken []place
}

// take takes a place until the request has ended, that is until its replay is stored or refused, and returns those in the namespace that
// were taken before.
func (p *places) take(ctx context.Context, new place) (earlier []place) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	earlier = p.in(new.namespace)
	p.taken = append(p.taken, new)
	context.AfterFunc(ctx, func() { p.free(new.uid) })
	return earlier
}

// list returns the places taken in a namespace.
func (p *places) list(namespace string) []place {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.in(namespace)
}

// free gives the place of a replay back.
func (p *places) free(uid types.UID) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.taken = slices.DeleteFunc(p.taken, func(other place) bool { return other.uid == uid })
}

func (p *places) in(namespace string) (found []place) {
	for _, other := range p.taken {
		if other.namespace == namespace {
			found = append(found, other)
		}
	}
	return found
}
