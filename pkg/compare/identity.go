// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import "strings"

// Identity says which pod answered in the recording, and which pods may have answered in the replay: texts that
// are equal but for the name of the pod are taken as equal.
type Identity struct {
	Recorded string
	Replayed []string
}

// same compares two texts.
func (id Identity) same(recorded, replayed string) bool {
	if recorded == replayed {
		return true
	}
	if id.Recorded == "" || !strings.Contains(recorded, id.Recorded) {
		return false
	}
	for _, pod := range id.Replayed {
		if strings.ReplaceAll(recorded, id.Recorded, pod) == replayed {
			return true
		}
	}
	return false
}
