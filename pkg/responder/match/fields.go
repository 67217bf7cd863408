// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
)

// pair is one field of a query or a form.
type pair struct{ name, value string }

// appendPairs appends the fields of a query or a URL-encoded form, ordered by name; fields of one name stay in
// their order. What is not well escaped is taken as it is written.
func appendPairs(dst []pair, encoded string) []pair {
	base := len(dst)
	for encoded != "" {
		var field string
		field, encoded, _ = strings.Cut(encoded, "&")
		if field == "" {
			continue
		}
		name, value, _ := strings.Cut(field, "=")
		dst = append(dst, pair{name: unescape(name), value: unescape(value)})
	}
	sortPairs(dst[base:])
	return dst
}

func sortPairs(pairs []pair) {
	slices.SortStableFunc(pairs, func(a, b pair) int { return strings.Compare(a.name, b.name) })
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// appendParts appends the parts of a multipart form as pairs of "name" or "name; file; type" and content, and says
// whether body is one. The boundary, which clients draw anew for each request, is left out.
func appendParts(dst []pair, contentType string, body []byte) ([]pair, bool) {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" || parameters["boundary"] == "" {
		return dst, false
	}
	base := len(dst)
	for r := multipart.NewReader(bytes.NewReader(body), parameters["boundary"]); ; {
		part, err := r.NextRawPart()
		if err == io.EOF {
			sortPairs(dst[base:])
			return dst, true
		}
		if err != nil {
			return dst[:base], false
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return dst[:base], false
		}
		name := part.FormName()
		if part.FileName() != "" {
			name += "; " + part.FileName() + "; " + part.Header.Get("Content-Type")
		}
		dst = append(dst, pair{name: name, value: string(content)})
	}
}

// mediaType returns the type of a Content-Type without parameters, in lower case.
func mediaType(contentType string) string {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(kind))
}
