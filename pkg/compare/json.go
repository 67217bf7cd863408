// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// walk compares two JSON documents place by place and hands each difference to found, which may keep neither
// the place nor change it.
type walk struct {
	identity Identity
	found    func(at place, kind Kind, recorded, replayed any)
	at       place
}

func (w *walk) values(recorded, replayed any) {
	switch x := recorded.(type) {
	case map[string]any:
		if y, ok := replayed.(map[string]any); ok {
			members(w, x, y, func(name string, _ any) step { return step{kind: member, name: name} }, func(value any) any { return value })
			return
		}
	case fields:
		if y, ok := replayed.(fields); ok {
			members(w, x, y, func(_ int32, f fieldValue) step { return fieldStep(f.Field) }, func(f fieldValue) any { return f.value })
			return
		}
	case call:
		if y, ok := replayed.(call); ok {
			w.lists(message, x, y)
			return
		}
	case []any:
		if y, ok := replayed.([]any); ok {
			w.lists(element, x, y)
			return
		}
	}
	if kind, differ := w.scalars(recorded, replayed); differ {
		w.found(w.at, kind, recorded, replayed)
	}
}

// scalars compares two values of which at most one is an object or a list.
func (w *walk) scalars(recorded, replayed any) (kind Kind, differ bool) {
	switch x := recorded.(type) {
	case string:
		if y, ok := replayed.(string); ok {
			return KindBody, !w.identity.same(x, y)
		}
	case json.Number:
		if y, ok := replayed.(json.Number); ok {
			return KindBody, !sameNumber(x.String(), y.String())
		}
	case bool:
		if y, ok := replayed.(bool); ok {
			return KindBody, x != y
		}
	case nil:
		return KindType, replayed != nil
	}
	return KindType, true
}

// members compares objects, or messages, in the order of the names of members, or of the numbers of fields, so that the same bodies give the same
// report. at is where a member is, and of is its value.
func members[K cmp.Ordered, V any](w *walk, recorded, replayed map[K]V, at func(K, V) step, of func(V) any) {
	for _, key := range slices.Sorted(maps.Keys(recorded)) {
		w.at = append(w.at, at(key, recorded[key]))
		if other, ok := replayed[key]; ok {
			w.values(of(recorded[key]), of(other))
		} else {
			w.found(w.at, KindMissing, of(recorded[key]), nil)
		}
		w.at = w.at[:len(w.at)-1]
	}
	for _, key := range slices.Sorted(maps.Keys(replayed)) {
		if _, ok := recorded[key]; !ok {
			w.found(append(w.at, at(key, replayed[key])), KindExtra, nil, of(replayed[key]))
		}
	}
}

// lists goes through the elements, which are of the kind element or message.
func (w *walk) lists(kind stepKind, recorded, replayed []any) {
	for i := range max(len(recorded), len(replayed)) {
		w.at = append(w.at, step{kind: kind, index: i})
		switch {
		case i >= len(replayed):
			w.found(w.at, KindMissing, recorded[i], nil)
		case i >= len(recorded):
			w.found(w.at, KindExtra, nil, replayed[i])
		default:
			w.values(recorded[i], replayed[i])
		}
		w.at = w.at[:len(w.at)-1]
	}
}

// text writes a JSON value for a report.
func text(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v) // cannot happen: the value was read from JSON
	}
	return string(out)
}
