// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"mime"
)

// multipart redacts the parts of a form one by one. It is searched only when all parts are text.
func (p *pass) multipart(contentType, body []byte) ([]byte, bool) {
	_, parameters, err := mime.ParseMediaType(string(contentType))
	boundary := []byte("--" + parameters["boundary"])
	if err != nil || len(boundary) == len("--") {
		if isText(body, true) {
			out, _ := p.text(body)
			return out, true
		}
		return body, false
	}
	e := edit{src: body}
	searched := true
	for at := bytes.Index(body, boundary); at >= 0 && at < len(body); {
		at += len(boundary)
		end := len(body)
		if i := bytes.Index(body[at:], boundary); i >= 0 {
			end = at + i
		}
		searched = p.part(&e, at, end) && searched
		at = end
	}
	out, _ := e.result()
	return out, searched
}

// part redacts one part from its boundary up to the next.
func (p *pass) part(e *edit, from, to int) bool {
	i := bytes.Index(e.src[from:to], []byte("\r\n\r\n"))
	if i < 0 {
		return true // after the last boundary
	}
	head := e.src[from : from+i]
	start := from + i + len("\r\n\r\n")
	content := bytes.TrimSuffix(e.src[start:to], []byte("\r\n"))
	if !isText(content, true) {
		return false
	}
	_, parameters, _ := mime.ParseMediaType(string(headerOf(head, "content-disposition")))
	var out []byte
	changed := false
	if p.fields && len(content) > 0 && isSecretName([]byte(parameters["name"])) {
		out = p.field(content, ClassSecretField)
		changed = !bytes.Equal(out, content)
	} else {
		out, changed = p.document(content)
	}
	if changed {
		e.put(append(e.until(start, start+len(content)), out...))
	}
	return true
}
