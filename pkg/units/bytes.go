// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package units writes quantities for people, the same in the tables of the server and of the commands.
package units

import "fmt"

// Bytes writes a number of bytes with a binary prefix, such as 1.5MiB.
func Bytes(bytes int64) string {
	if bytes < 1<<10 {
		return fmt.Sprintf("%dB", bytes)
	}
	value, prefix := float64(bytes)/(1<<10), 0
	for value >= 1<<10 && prefix < len("KMGTPE")-1 {
		value /= 1 << 10
		prefix++
	}
	return fmt.Sprintf("%.1f%ciB", value, "KMGTPE"[prefix])
}
