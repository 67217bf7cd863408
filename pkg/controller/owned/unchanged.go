// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package owned

import (
	"bytes"
	"encoding/json"
)

// Extract finds what of an object is a field manager's, as the functions of client-go of that name do.
type Extract[T, A any] func(object T, fieldManager string) (*A, error)

// unchanged tells whether what of an object is a field manager's is as wanted. Encodings are compared, in which empty lists are none. When it cannot be
// told it is not.
func unchanged[T, A any](held T, extract Extract[T, A], fieldManager string, wanted *A) bool {
	ours, err := extract(held, fieldManager)
	if err != nil {
		return false
	}
	former, err := json.Marshal(ours)
	if err != nil {
		return false
	}
	now, err := json.Marshal(wanted)
	return err == nil && bytes.Equal(former, now)
}
