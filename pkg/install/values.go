// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// ReadValues reads options from YAML or JSON on top of the defaults. Fields that are unknown or there twice are errors that name them.
func ReadValues(data []byte) (Options, error) {
	return Defaults().Read(data)
}

// Read returns the options with what the values say.
func (o Options) Read(data []byte) (Options, error) {
	document, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return o, fmt.Errorf("reading values: %w", err)
	}
	strict, err := kjson.UnmarshalStrict(document, &o)
	if err != nil {
		return o, fmt.Errorf("reading values: %w", err)
	}
	if len(strict) > 0 {
		return o, fmt.Errorf("reading values: %w", errors.Join(strict...))
	}
	return o, nil
}
