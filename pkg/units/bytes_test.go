// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package units

import "testing"

func TestBytes(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0B", 1023: "1023B", 1 << 10: "1.0KiB", 1536 << 10: "1.5MiB", 5 << 40: "5.0TiB", 1<<63 - 1: "8.0EiB"} {
		if got := Bytes(bytes); got != want {
			t.Errorf("%d is written %s, want %s", bytes, got, want)
		}
	}
}
