// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package owned

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Extract finds what of an object is a field manager's, as the functions of client-go of that name do.
type Extract[T, A any] func(object T, fieldManager string) (*A, error)

// Unchanged tells whether what of an object is a field manager's is as wanted. Encodings are compared, in which empty lists are none.
func Unchanged[T, A any](held T, extract Extract[T, A], fieldManager string, wanted *A) (bool, error) {
	ours, err := extract(held, fieldManager)
	if err != nil {
		return false, fmt.Errorf("reading what is ours: %w", err)
	}
	former, err := json.Marshal(ours)
	if err != nil {
		return false, fmt.Errorf("encoding what is ours: %w", err)
	}
	now, err := json.Marshal(wanted)
	if err != nil {
		return false, fmt.Errorf("encoding what is wanted: %w", err)
	}
	return bytes.Equal(former, now), nil
}
