// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/openapi"
)

const (
	version   = "v1alpha1"
	refPrefix = "#/definitions/"
)

// definitions are our types under the names that references use.
type definitions map[string]common.OpenAPIDefinition

func ourDefinitions() definitions {
	return openapi.GetOpenAPIDefinitions(func(name string) spec.Ref { return spec.MustCreateRef(refPrefix + name) })
}

// crd is the twin of one of our kinds: the same schema, in the other group.
func (d definitions) crd(kind, plural, scope string) (map[string]any, error) {
	schema, err := d.structural(kind)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", kind, err)
	}
	singular := strings.ToLower(kind)
	return map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + "." + twin.group},
		"spec": map[string]any{
			"group": twin.group, "scope": scope,
			"names": map[string]any{"kind": kind, "listKind": kind + "List", "plural": plural, "singular": singular},
			"versions": []any{map[string]any{
				"name": version, "served": true, "storage": true,
				"schema":       map[string]any{"openAPIV3Schema": schema},
				"subresources": map[string]any{"status": map[string]any{}},
			}},
		},
	}, nil
}

// structural is the schema of a kind as a CRD takes it: without references.
func (d definitions) structural(kind string) (map[string]any, error) {
	schema, err := d.resolve("dev.restage.replay." + version + "." + kind)
	if err != nil {
		return nil, err
	}
	properties := schema["properties"].(map[string]any)
	properties["metadata"] = map[string]any{"type": "object"}
	if kind == "TrafficReplay" { // what our own server fills in
		spec := properties["spec"].(map[string]any)["properties"].(map[string]any)
		for field, value := range map[string]string{
			"mode": string(v1alpha1.ModeFull), "cleanup": string(v1alpha1.CleanupRestore), "timeout": v1alpha1.DefaultReplayTimeout.String(),
		} {
			spec[field].(map[string]any)["default"] = value
		}
	}
	return schema, nil
}

func (d definitions) resolve(name string) (map[string]any, error) {
	if strings.HasSuffix(name, ".IntOrString") || strings.HasSuffix(name, ".Quantity") {
		return map[string]any{"x-kubernetes-int-or-string": true}, nil
	}
	definition, ok := d[name]
	if !ok {
		return nil, fmt.Errorf("there is no definition of %s", name)
	}
	data, err := json.Marshal(definition.Schema)
	if err != nil {
		return nil, err
	}
	schema := map[string]any{}
	if err := json.Unmarshal(data, &schema); err != nil {
		return nil, err
	}
	return d.inline(schema)
}

// inline puts the definitions in place of references and leaves out what a CRD does not take. Defaults go too, since they are the
// zero values of Go, but for those of the keys of lists, which need one.
func (d definitions) inline(schema map[string]any) (map[string]any, error) {
	if all, ok := schema["allOf"].([]any); ok && len(all) == 1 {
		schema = all[0].(map[string]any)
	}
	if ref, ok := schema["$ref"].(string); ok {
		return d.resolve(strings.TrimPrefix(ref, refPrefix))
	}
	out := map[string]any{}
	for key, value := range schema {
		var err error
		switch {
		case key == "description", key == "default", strings.HasPrefix(key, "x-kubernetes-patch"), key == "x-kubernetes-unions":
			continue
		case key == "properties":
			out[key], err = d.inlineAll(value.(map[string]any))
		case key == "items":
			out[key], err = d.inline(value.(map[string]any))
		case key == "additionalProperties":
			if nested, ok := value.(map[string]any); ok {
				value, err = d.inline(nested)
			}
			out[key] = value
		default:
			out[key] = value
		}
		if err != nil {
			return nil, err
		}
	}
	return out, d.keepKeyDefaults(schema, out)
}

func (d definitions) inlineAll(properties map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(properties))
	for name, property := range properties {
		inlined, err := d.inline(property.(map[string]any))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = inlined
	}
	return out, nil
}

// keepKeyDefaults puts the defaults of those keys back, into the items of a list that is a map, which an item need not have.
func (d definitions) keepKeyDefaults(schema, out map[string]any) error {
	keys, ok := schema["x-kubernetes-list-map-keys"].([]any)
	if !ok {
		return nil
	}
	ref, _ := schema["items"].(map[string]any)["$ref"].(string)
	if all, ok := schema["items"].(map[string]any)["allOf"].([]any); ok && len(all) == 1 {
		ref, _ = all[0].(map[string]any)["$ref"].(string)
	}
	items := out["items"].(map[string]any)
	required, _ := items["required"].([]any)
	for _, key := range keys {
		if slices.Contains(required, key) {
			continue
		}
		property := d[strings.TrimPrefix(ref, refPrefix)].Schema.Properties[key.(string)]
		if text, ok := property.Default.(string); ok {
			items["properties"].(map[string]any)[key.(string)].(map[string]any)["default"] = text
		}
	}
	return nil
}
