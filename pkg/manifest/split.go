// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

import "strings"

// part is a document of a stream with the line before it.
type part struct{ separator, text string }

// split takes a stream apart so that the parts put together are the stream again. A line that begins with --- separates documents
// wherever it stands: within a document everything is indented or does not begin so.
func split(stream string) []part {
	parts := []part{{}}
	for _, line := range strings.SplitAfter(stream, "\n") {
		rest, separates := strings.CutPrefix(line, "---")
		if !separates || rest != "" && !strings.ContainsAny(rest[:1], " \t\r\n") {
			parts[len(parts)-1].text += line
			continue
		}
		next := part{separator: line}
		if content := strings.TrimSpace(rest); content != "" && !strings.HasPrefix(content, "#") {
			next = part{separator: "---", text: rest}
		}
		parts = append(parts, next)
	}
	return parts
}
