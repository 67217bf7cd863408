// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"container/list"
	"iter"
)

// recent is a map of bounded size that forgets what was set longest ago.
type recent[K comparable, V any] struct {
	limit    int
	elements map[K]*list.Element
	order    list.List // newest first; values are pair[K, V]
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](limit int) *recent[K, V] {
	return &recent[K, V]{limit: limit, elements: make(map[K]*list.Element)}
}

// get returns the value of a key, the zero value when there is none.
func (r *recent[K, V]) get(key K) (value V) {
	if element, ok := r.elements[key]; ok {
		return element.Value.(pair[K, V]).value
	}
	return value
}

func (r *recent[K, V]) set(key K, value V) {
	if element, ok := r.elements[key]; ok {
		element.Value = pair[K, V]{key, value}
		r.order.MoveToFront(element)
		return
	}
	r.elements[key] = r.order.PushFront(pair[K, V]{key, value})
	if r.order.Len() > r.limit {
		oldest := r.order.Back()
		delete(r.elements, r.order.Remove(oldest).(pair[K, V]).key)
	}
}

// all goes from what was set longest ago to what was set last.
func (r *recent[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for element := r.order.Back(); element != nil; element = element.Prev() {
			if p := element.Value.(pair[K, V]); !yield(p.key, p.value) {
				return
			}
		}
	}
}
