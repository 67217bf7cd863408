// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package decoding

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxMistakes bounds an answer. Who makes more mistakes corrects them in two goes.
const maxMistakes = 16

// examples of what decodes itself.
var examples = map[reflect.Type]string{
	reflect.TypeFor[metav1.Duration]():    "must be a duration such as 90s, 15m or 1h30m",
	reflect.TypeFor[metav1.Time]():        "must be a time such as 2026-01-31T13:00:00Z",
	reflect.TypeFor[metav1.MicroTime]():   "must be a time such as 2026-01-31T13:00:00.000000Z",
	reflect.TypeFor[resource.Quantity]():  "must be a quantity such as 250m, 2 or 64Mi",
	reflect.TypeFor[intstr.IntOrString](): "must be a whole number or a name",
}

var decodesItself = reflect.TypeFor[json.Unmarshaler]()

// mistakes walks the JSON along the Go type that it should become and returns what does not fit.
func mistakes(data []byte, t reflect.Type) field.ErrorList {
	w := walker{}
	w.value(data, t, nil)
	return w.errs
}

type walker struct {
	errs field.ErrorList
}

func (w *walker) value(data json.RawMessage, t reflect.Type, path *field.Path) {
	if len(w.errs) >= maxMistakes || string(bytes.TrimSpace(data)) == "null" {
		return
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case reflect.PointerTo(t).Implements(decodesItself):
		w.leaf(data, t, path)
	case t.Kind() == reflect.Struct:
		if members, ok := decode[map[string]json.RawMessage](w, data, "must be an object", path); ok {
			w.members(members, t, path)
		}
	case t.Kind() == reflect.Map:
		members, _ := decode[map[string]json.RawMessage](w, data, "must be an object", path)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			w.value(members[name], t.Elem(), path.Key(name))
		}
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		items, _ := decode[[]json.RawMessage](w, data, "must be a list", path)
		for i, item := range items {
			w.value(item, t.Elem(), path.Index(i))
		}
	default:
		w.leaf(data, t, path)
	}
}

// members walks the fields of a struct, those of embedded ones as if they were its own.
func (w *walker) members(members map[string]json.RawMessage, t reflect.Type, path *field.Path) {
	for i := range t.NumField() {
		member := t.Field(i)
		name, _, _ := strings.Cut(member.Tag.Get("json"), ",")
		if name == "" && member.Anonymous {
			w.members(members, member.Type, path)
		} else if data, ok := members[name]; ok {
			w.value(data, member.Type, path.Child(name))
		}
	}
}

func (w *walker) leaf(data json.RawMessage, t reflect.Type, path *field.Path) {
	err := json.Unmarshal(data, reflect.New(t).Interface())
	if err == nil {
		return
	}
	detail, known := examples[t]
	switch {
	case known:
	case t.Kind() == reflect.String:
		detail = "must be a text; give it in quotes"
	case t.Kind() == reflect.Bool:
		detail = "must be true or false"
	case reflect.Zero(t).CanInt():
		detail = fmt.Sprintf("must be a whole number of %d bits", t.Bits())
	default:
		detail = err.Error()
	}
	w.add(data, detail, path)
}

// add shows the value unless it is an object or a list, of which it would be too much.
func (w *walker) add(data json.RawMessage, detail string, path *field.Path) {
	w.errs = append(w.errs, field.Invalid(path, shown(data), detail))
}

func shown(data json.RawMessage) any {
	var whole int64
	if err := json.Unmarshal(data, &whole); err == nil {
		return whole
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return field.OmitValueType{}
	}
	switch value.(type) {
	case string, bool, float64:
		return value
	default:
		return field.OmitValueType{}
	}
}

// decode takes one level of the JSON apart.
func decode[T any](w *walker, data json.RawMessage, otherwise string, path *field.Path) (parts T, ok bool) {
	if err := json.Unmarshal(data, &parts); err != nil {
		w.add(data, otherwise, path)
		return parts, false
	}
	return parts, true
}
