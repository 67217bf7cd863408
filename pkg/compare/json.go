// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
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
			w.objects(x, y)
			return
		}
	case fields:
		if y, ok := replayed.(fields); ok {
			w.fields(x, y)
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

// objects goes through the members in the order of their names, so that the same bodies give the same report.
func (w *walk) objects(recorded, replayed map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(recorded)) {
		w.at = append(w.at, step{kind: member, name: name})
		if value, ok := replayed[name]; ok {
			w.values(recorded[name], value)
		} else {
			w.found(w.at, KindMissing, recorded[name], nil)
		}
		w.at = w.at[:len(w.at)-1]
	}
	for _, name := range slices.Sorted(maps.Keys(replayed)) {
		if _, ok := recorded[name]; !ok {
			w.found(append(w.at, step{kind: member, name: name}), KindExtra, nil, replayed[name])
		}
	}
}

// fields goes through the fields in the order of their numbers.
func (w *walk) fields(recorded, replayed fields) {
	for _, number := range slices.Sorted(maps.Keys(recorded)) {
		w.at = append(w.at, fieldStep(recorded[number].Field))
		if field, ok := replayed[number]; ok {
			w.values(recorded[number].value, field.value)
		} else {
			w.found(w.at, KindMissing, recorded[number].value, nil)
		}
		w.at = w.at[:len(w.at)-1]
	}
	for _, number := range slices.Sorted(maps.Keys(replayed)) {
		if _, ok := recorded[number]; !ok {
			w.found(append(w.at, fieldStep(replayed[number].Field)), KindExtra, nil, replayed[number].value)
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
