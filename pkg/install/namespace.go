// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// rename puts everything that is in the default namespace into another, with what refers to it.
func rename(o Options, all objects) error {
	if o.Namespace == DefaultNamespace {
		return nil
	}
	for _, object := range all {
		if object.GetNamespace() == DefaultNamespace {
			object.SetNamespace(o.Namespace)
		}
		switch object.GetKind() {
		case "Namespace":
			object.SetName(o.Namespace)
		case "RoleBinding", "ClusterRoleBinding":
			if err := renameIn(object, "subjects", "namespace", o.Namespace); err != nil {
				return err
			}
		case "ClusterRole":
			if err := renameInRules(object, o.Namespace); err != nil {
				return err
			}
		}
	}
	return nil
}

// renameIn changes a field of the entries of a list.
func renameIn(object *unstructured.Unstructured, list, field, namespace string) error {
	entries, _, err := unstructured.NestedSlice(object.Object, list)
	if err != nil {
		return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	for _, entry := range entries {
		if entry, ok := entry.(map[string]any); ok && entry[field] == DefaultNamespace {
			entry[field] = namespace
		}
	}
	return unstructured.SetNestedSlice(object.Object, entries, list)
}

// renameInRules changes the name of our Namespace in what may be done with it.
func renameInRules(object *unstructured.Unstructured, namespace string) error {
	rules, _, err := unstructured.NestedSlice(object.Object, "rules")
	if err != nil {
		return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	for _, rule := range rules {
		rule, _ := rule.(map[string]any)
		names, _ := rule["resourceNames"].([]any)
		for i := range names {
			if names[i] == DefaultNamespace {
				names[i] = namespace
			}
		}
	}
	return unstructured.SetNestedSlice(object.Object, rules, "rules")
}
