// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command models-schema prints the OpenAPI v2 schema of the API's types, from which the generator of apply
// configurations learns how lists and maps merge.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/restage-dev/restage/pkg/generated/openapi"
)

func main() {
	if err := json.NewEncoder(os.Stdout).Encode(schema()); err != nil {
		fmt.Fprintln(os.Stderr, "models-schema:", err)
		os.Exit(1)
	}
}

func schema() *spec.Swagger {
	definitions := spec.Definitions{}
	for name, definition := range openapi.GetOpenAPIDefinitions(func(name string) spec.Ref {
		return spec.MustCreateRef("#/definitions/" + name)
	}) {
		definitions[name] = definition.Schema
		// Types such as IntOrString carry the v2 form of their schema as an extension.
		if v2, ok := definition.Schema.Extensions[common.ExtensionV2Schema].(spec.Schema); ok {
			definitions[name] = v2
		}
	}
	return &spec.Swagger{SwaggerProps: spec.SwaggerProps{
		Swagger:     "2.0",
		Info:        &spec.Info{InfoProps: spec.InfoProps{Title: "Restage", Version: "unversioned"}},
		Definitions: definitions,
	}}
}
