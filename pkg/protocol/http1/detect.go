// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bytes"
	"strings"
)

// Verdict is what Detect can tell.
type Verdict int

// Verdicts of Detect.
const (
	Undecided Verdict = iota // more bytes are needed
	Yes
	No
)

const maxMethod = 24

// Detect tells whether the first bytes that a client sent begin an HTTP/1 request. As soon as the first line is whole
// the answer is certain; a line longer than 4 KiB is judged by its beginning.
func Detect(first []byte) Verdict {
	const longLine = 4096
	for len(first) > 0 && (first[0] == '\r' || first[0] == '\n') {
		first = first[1:]
	}
	if end := bytes.IndexByte(first, '\n'); end >= 0 {
		line := bytes.TrimSuffix(first[:end], []byte("\r"))
		if begins(line) == Yes && (bytes.HasSuffix(line, []byte(" HTTP/1.1")) || bytes.HasSuffix(line, []byte(" HTTP/1.0"))) {
			return Yes
		}
		return No
	}
	verdict := begins(first)
	if verdict == Yes && len(first) < longLine {
		return Undecided
	}
	return verdict
}

// begins looks at the method and the first byte of the target.
func begins(line []byte) Verdict {
	space := bytes.IndexByte(line, ' ')
	if space < 0 {
		if len(line) > maxMethod || len(line) > 0 && !isToken(string(line)) {
			return No
		}
		return Undecided
	}
	if space > maxMethod || !isToken(string(line[:space])) {
		return No
	}
	if space+1 == len(line) {
		return Undecided
	}
	if string(line[:space]) == "CONNECT" || strings.IndexByte("/*hH", line[space+1]) >= 0 {
		return Yes
	}
	return No
}
