// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/restage-dev/restage/pkg/generated/openapi"
)

const (
	models  = "dev.restage.replay.v1alpha1."
	apiText = `Group ` + "`replay.restage.dev`" + `, version ` + "`v1alpha1`" + `. This is what ` + "`kubectl explain`" + ` says of each type, on one page;
[resources](resources.md) has short names, columns and verbs, [subresources](subresources.md) and [admission](admission.md) the rest.

Fields in **bold** are required. A ` + "`Duration`" + ` is text such as ` + "`90s`" + ` or ` + "`1h30m`" + `, a ` + "`Time`" + ` is in RFC 3339.

`
)

// apiPage documents all types of the API: the kinds first, then what is in them.
func apiPage(context.Context) (string, error) {
	types := map[string]spec.Schema{}
	for name, definition := range openapi.GetOpenAPIDefinitions(func(name string) spec.Ref { return spec.MustCreateRef(name) }) {
		if short, ours := strings.CutPrefix(name, models); ours && !strings.HasSuffix(short, "List") {
			types[short] = definition.Schema
		}
	}
	kinds, requests, parts := sections(types)
	var page strings.Builder
	page.WriteString(heading("The types of the API", "the types in pkg/apis/replay/v1alpha1"))
	page.WriteString(apiText)
	for _, section := range []struct {
		title string
		names []string
	}{{"Kinds", kinds}, {"Requests to subresources", requests}, {"Parts", parts}} {
		fmt.Fprintf(&page, "## %s\n\n", section.title)
		for _, name := range section.names {
			typeSection(&page, name, types[name])
		}
	}
	return strings.TrimRight(page.String(), "\n") + "\n", nil
}

// sections tells apart what is stored, what is sent to a subresource, and what occurs in them.
func sections(types map[string]spec.Schema) (kinds, requests, parts []string) {
	for _, name := range slices.Sorted(maps.Keys(types)) {
		_, object := types[name].Properties["spec"]
		_, kind := types[name].Properties["kind"]
		switch {
		case kind && object:
			kinds = append(kinds, name)
		case kind && name != "WorkloadReference": // which has a kind, of something else
			requests = append(requests, name)
		default:
			parts = append(parts, name)
		}
	}
	return kinds, requests, parts
}

func typeSection(page *strings.Builder, name string, schema spec.Schema) {
	fmt.Fprintf(page, "### %s\n\n%s\n\n", name, schema.Description)
	var fields []string
	for _, field := range slices.Sorted(maps.Keys(schema.Properties)) {
		if (field == "apiVersion" || field == "kind") && name != "WorkloadReference" {
			continue
		}
		fields = append(fields, fieldRow(field, schema.Properties[field], slices.Contains(schema.Required, field)))
	}
	if len(fields) > 0 {
		fmt.Fprintf(page, "| field | type | |\n|---|---|---|\n%s\n", strings.Join(fields, ""))
	}
}

func fieldRow(name string, schema spec.Schema, required bool) string {
	mark := ""
	if required {
		mark = "**"
	}
	return fmt.Sprintf("| %[1]s`%[2]s`%[1]s | %[3]s | %[4]s |\n", mark, name, typeName(schema), cell(schema.Description))
}

// typeName says what a value is, with a link to types of ours.
func typeName(schema spec.Schema) string {
	if len(schema.AllOf) == 1 { // a reference with a default
		schema = schema.AllOf[0]
	}
	if reference := schema.Ref.String(); reference != "" {
		short := reference[strings.LastIndex(reference, ".")+1:]
		if strings.HasPrefix(reference, models) {
			return fmt.Sprintf("[%s](#%s)", short, strings.ToLower(short))
		}
		return "`" + short + "`"
	}
	switch {
	case schema.Items != nil && schema.Items.Schema != nil:
		return "list of " + typeName(*schema.Items.Schema)
	case schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil:
		return "map of " + typeName(*schema.AdditionalProperties.Schema)
	case len(schema.Type) > 0:
		return schema.Type[0]
	}
	return "any"
}

// values is how openapi-gen appends the values of an enumeration to a description.
var values = regexp.MustCompile(`(?m)^ - ` + "`" + `"(.*?)"` + "`" + ` ?`)

// cell fits a description into a table.
func cell(text string) string {
	text = values.ReplaceAllString(text, "- `$1` ")
	text = strings.NewReplacer("\n\nPossible enum values:\n", "\n", "|", `\|`, "<", "&lt;").Replace(text)
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "<br>")
}
