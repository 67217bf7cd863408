// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"
)

const (
	// maxEndpoints are told apart, which bounds their histograms to 76 MB; the rest is one, named otherOperation.
	maxEndpoints              = 200
	otherOperation            = "(other)"
	maxDifferencesPerEndpoint = 20
	maxDifferences            = 1000
)

type endpointKey struct{ key, operation string }

type endpoints map[endpointKey]*endpoint

type endpoint struct {
	Endpoint
	statuses           map[[2]int]int64
	recorded, replayed histogram
	listed             int
}

func newEndpoints() endpoints { return endpoints{} }

func (all endpoints) find(x *Exchange) *endpoint {
	at := endpointKey{x.Key, x.Operation}
	method := x.Method
	if all[at] == nil && len(all) >= maxEndpoints {
		at, method = endpointKey{operation: otherOperation}, ""
	}
	e := all[at]
	if e == nil {
		e = &endpoint{
			Endpoint: Endpoint{Key: at.key, Operation: at.operation, Method: method},
			statuses: map[[2]int]int64{}, recorded: newHistogram(), replayed: newHistogram(),
		}
		all[at] = e
	}
	return e
}

func (e *endpoint) add(x *Exchange, differs bool) {
	e.Requests++
	switch {
	case x.failed():
		e.Failed++
	case differs:
		e.Differing++
	}
	e.statuses[[2]int{x.RecordedStatus, x.ReplayedStatus}]++
	if x.Recorded > 0 {
		e.recorded.add(x.Recorded)
	}
	e.replayed.add(x.Replayed)
}

func (all endpoints) results() []Endpoint {
	results := make([]Endpoint, 0, len(all))
	for _, e := range all {
		result := e.Endpoint
		result.Recorded, result.Replayed = e.recorded.latency(), e.replayed.latency()
		for pair, count := range e.statuses {
			result.Statuses = append(result.Statuses, StatusPair{Recorded: pair[0], Replayed: pair[1], Count: count})
		}
		slices.SortFunc(result.Statuses, func(a, b StatusPair) int {
			return cmp.Or(cmp.Compare(a.Recorded, b.Recorded), cmp.Compare(a.Replayed, b.Replayed))
		})
		results = append(results, result)
	}
	slices.SortFunc(results, func(a, b Endpoint) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Operation, b.Operation))
	})
	return results
}
