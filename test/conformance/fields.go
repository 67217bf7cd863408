// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import "encoding/json"

// owns tells whether a set of fields, in the form of managedFields, holds the field at the path or anything below it.
func owns(set string, path []string) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(set), &fields) != nil {
		return false
	}
	below, found := fields["f:"+path[0]]
	if !found || len(path) == 1 {
		return found
	}
	return owns(string(below), path[1:])
}
