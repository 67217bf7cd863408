// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// change is one value that is written over another. Values are as JSON has them; nil stands for none.
type change struct {
	// Path leads from the pod template to the value: names of fields, and in lists whose items have names "[name]".
	Path   []string `json:"path"`
	Before any      `json:"before,omitempty"`
	After  any      `json:"after,omitempty"`
}

// field is the path as kubectl explain writes it.
func (c change) field() string {
	text := "spec.template"
	for _, part := range c.Path {
		if !strings.HasPrefix(part, "[") {
			text += "."
		}
		text += part
	}
	return text
}

// diff returns the smallest changes that lead from one value to another.
func diff(before, after any, path []string) (changes []change) {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	oldFields, ok1 := before.(map[string]any)
	newFields, ok2 := after.(map[string]any)
	if ok1 && ok2 {
		all := maps.Clone(oldFields)
		maps.Copy(all, newFields)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			changes = append(changes, diff(oldFields[name], newFields[name], deeper(path, name))...)
		}
		return changes
	}
	if oldItems, newItems, ok := comparable(before, after); ok {
		for _, item := range newItems {
			changes = append(changes, diff(oldItems.named(item.name), item.value, deeper(path, "["+item.name+"]"))...)
		}
		return changes
	}
	return []change{{Path: path, Before: before, After: after}}
}

func deeper(path []string, part string) []string { return append(slices.Clone(path), part) }

// items are those of a list in which each has a name of its own.
type items []item

type item struct {
	name  string
	value any
}

func (i items) named(name string) any {
	for _, item := range i {
		if item.name == name {
			return item.value
		}
	}
	return nil
}

// itemsOf returns the items of a list, and false for any other value.
func itemsOf(value any) (items, bool) {
	list, ok := value.([]any)
	if !ok {
		return nil, false
	}
	var all items
	for _, element := range list {
		fields, _ := element.(map[string]any)
		name, _ := fields["name"].(string)
		if name == "" || all.named(name) != nil {
			return nil, false
		}
		all = append(all, item{name, element})
	}
	return all, true
}

// comparable tells whether two lists can be compared item by item: the second has all items of the first, in their order.
func comparable(before, after any) (was, is items, ok bool) {
	was, ok1 := itemsOf(before)
	is, ok2 := itemsOf(after)
	if !ok1 || !ok2 {
		return nil, nil, false
	}
	next := 0
	for _, item := range is {
		if next < len(was) && was[next].name == item.name {
			next++
		}
	}
	return was, is, next == len(was)
}

// at returns the value that a path leads to, nil for none.
func at(value any, path []string) any {
	for _, part := range path {
		if name, ok := itemName(part); ok {
			all, _ := itemsOf(value)
			value = all.named(name)
			continue
		}
		fields, _ := value.(map[string]any)
		value = fields[part]
	}
	return value
}

func itemName(part string) (string, bool) {
	name, ok := strings.CutPrefix(part, "[")
	return strings.TrimSuffix(name, "]"), ok
}

// put returns the value with what the path leads to replaced, or for nil taken out. What the path needs is there.
func put(value any, path []string, to any) any {
	if len(path) == 0 {
		return to
	}
	if name, ok := itemName(path[0]); ok {
		return putItem(value.([]any), name, path[1:], to)
	}
	fields := maps.Clone(value.(map[string]any))
	if changed := put(fields[path[0]], path[1:], to); changed != nil {
		fields[path[0]] = changed
	} else {
		delete(fields, path[0])
	}
	return fields
}

// putItem returns nil for a list that becomes empty, since the template had none then.
func putItem(list []any, name string, path []string, to any) any {
	var changed []any
	for _, element := range list {
		if fields, _ := element.(map[string]any); fields["name"] == name {
			if element = put(element, path, to); element == nil {
				continue
			}
		}
		changed = append(changed, element)
	}
	if changed == nil {
		return nil
	}
	return changed
}
