// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package edit

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// operation is one of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// difference returns the smallest changes that lead from one value to another, whose places begin with path. What is the same in both is not
// named, so that fields that our types do not know stay as they are.
func difference(before, after any, path string) ([]operation, error) {
	was, err := tree(before)
	if err != nil {
		return nil, err
	}
	is, err := tree(after)
	if err != nil {
		return nil, err
	}
	return between(was, is, path), nil
}

// tree is a value as JSON has it.
func tree(value any) (any, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("writing a pod template: %w", err)
	}
	var decoded any
	return decoded, json.Unmarshal(data, &decoded)
}

func between(before, after any, path string) []operation {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	switch was := before.(type) {
	case map[string]any:
		if is, ok := after.(map[string]any); ok {
			return betweenFields(was, is, path)
		}
	case []any:
		if is, ok := after.([]any); ok {
			if operations, ok := betweenItems(was, is, path); ok {
				return operations
			}
		}
	}
	return []operation{{Op: "replace", Path: path, Value: after}}
}

func betweenFields(before, after map[string]any, path string) (operations []operation) {
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		was, had := before[name]
		is, has := after[name]
		switch place := path + "/" + pointer(name); {
		case !had:
			operations = append(operations, operation{Op: "add", Path: place, Value: is})
		case !has:
			operations = append(operations, operation{Op: "remove", Path: place})
		default:
			operations = append(operations, between(was, is, place)...)
		}
	}
	return operations
}

// betweenItems adds and removes items one by one; false when those that stay are in another order.
func betweenItems(before, after []any, path string) (operations []operation, ok bool) {
	at := 0
	place := func() string { return path + "/" + strconv.Itoa(at) }
	for len(before)+len(after) > 0 {
		switch {
		case len(before) > 0 && !contains(after, before[0]):
			operations = append(operations, operation{Op: "remove", Path: place()})
			before = before[1:]
			continue
		case len(before) > 0 && alike(before[0], after[0]):
			operations = append(operations, between(before[0], after[0], place())...)
			before = before[1:]
		case !contains(before, after[0]):
			operations = append(operations, operation{Op: "add", Path: place(), Value: after[0]})
		default:
			return nil, false
		}
		after = after[1:]
		at++
	}
	return operations, true
}

func contains(items []any, item any) bool {
	return slices.ContainsFunc(items, func(other any) bool { return alike(item, other) })
}

// alike tells whether two items of a list are the same one, be it changed: by name, and mounts by where they are.
func alike(a, b any) bool {
	one, ok1 := a.(map[string]any)
	other, ok2 := b.(map[string]any)
	if ok1 && ok2 && one["name"] != nil {
		return one["name"] == other["name"] && one["mountPath"] == other["mountPath"]
	}
	return reflect.DeepEqual(a, b)
}

// pointer writes the name of a field as a JSON pointer has it.
func pointer(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }
