// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"

	"sigs.k8s.io/kustomize/kyaml/yaml"
	jsonyaml "sigs.k8s.io/yaml"
)

// lookup returns a field that is a mapping, or an empty mapping that is nowhere.
func (w *workload) lookup(path ...string) *yaml.RNode {
	node, err := w.node.Pipe(yaml.Lookup(path...))
	if err != nil || yaml.IsMissingOrNull(node) || node.YNode().Kind != yaml.MappingNode {
		return yaml.NewMapRNode(nil)
	}
	return node
}

// append adds entries at the end of a list of the pod spec, and tells whether it made the list.
func (w *workload) append(list string, entries any) (isNew bool, err error) {
	data, err := jsonyaml.Marshal(entries)
	if err != nil {
		return false, err
	}
	parsed, err := yaml.Parse(string(data))
	if err != nil {
		return false, err
	}
	spec := w.lookup(w.in("spec")...)
	field := spec.Field(list)
	isNew = field == nil
	if field != nil && yaml.IsMissingOrNull(field.Value) { // "volumes:" with nothing behind it
		return false, fmt.Errorf("%s: is null; remove it", w.podSpecPath().Child(list))
	}
	target, err := spec.Pipe(yaml.LookupCreate(yaml.SequenceNode, list))
	if err != nil {
		return false, fmt.Errorf("%s: %w", w.podSpecPath().Child(list), err)
	}
	node := target.YNode()
	if len(node.Content) == 0 && node.Style == yaml.FlowStyle { // [] would have all of it on one line
		node.Style = 0
	}
	node.Content = append(node.Content, parsed.YNode().Content...)
	return isNew, nil
}

// filter takes the entries of a list that are ours out, and tells whether there were any.
func filter(list *yaml.MapNode, isOurs func(name string) bool) bool {
	if list == nil || list.Value.YNode().Kind != yaml.SequenceNode {
		return false
	}
	node := list.Value.YNode()
	var kept []*yaml.Node
	for _, entry := range node.Content {
		if name := yaml.NewRNode(entry).Field("name"); name == nil || !isOurs(name.Value.YNode().Value) {
			kept = append(kept, entry)
		}
	}
	some := len(kept) < len(node.Content)
	node.Content = kept
	if some && len(kept) == 0 {
		node.Style = yaml.FlowStyle // []
	}
	return some
}

// drop removes a field.
func drop(node *yaml.RNode, field string) {
	_, _ = node.Pipe(yaml.Clear(field)) // only a node that is no mapping fails, and it is one
}
