// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"unicode/utf8"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/protocol/coding"
	"github.com/restage-dev/restage/pkg/protocol/protobuf"
)

// maxDecoded is the most bytes that a body may have once decoded to be looked through.
const maxDecoded = 8 << 20

// body redacts a body. It is not searched when a part of it cannot be decoded, or is no text, and that part is the same then.
func (p *pass) body(head, body []byte, truncated bool) (out []byte, searched bool) {
	if len(body) == 0 {
		return body, true
	}
	encoding := string(headerOf(head, "content-encoding"))
	if len(coding.List(encoding)) == 0 {
		return p.content(headerOf(head, "content-type"), headerOf(head, "grpc-encoding"), body, truncated)
	}
	if p.fixed {
		return body, false // offsets into it are written down
	}
	plain, err := p.decode(encoding, body, truncated)
	if err != nil {
		return body, false
	}
	redacted, searched := p.content(headerOf(head, "content-type"), headerOf(head, "grpc-encoding"), plain, truncated)
	if bytes.Equal(redacted, plain) {
		return body, searched
	}
	if out, err = coding.Encode(encoding, redacted); err != nil {
		return body, false
	}
	return out, searched
}

// decode decodes a body, or what there is of one that was cut.
func (p *pass) decode(encoding string, body []byte, truncated bool) ([]byte, error) {
	p.decoding <- struct{}{} // few at a time, since each takes memory
	defer func() { <-p.decoding }()
	plain, err := coding.Decode(encoding, body, maxDecoded)
	if err != nil && truncated && len(plain) > 0 && len(plain) < maxDecoded {
		return plain, nil
	}
	return plain, err
}

// content redacts a body without content coding. The messages of a gRPC call may be encoded one by one.
func (p *pass) content(contentType, messageEncoding, body []byte, truncated bool) ([]byte, bool) {
	kind := p.mediaType(contentType)
	switch {
	case hasPrefix(kind, "application/grpc-web-text"): // in Base64
		return body, false
	case hasPrefix(kind, "application/grpc"):
		return p.messagesOfGRPC(body, string(messageEncoding))
	case protobuf.IsType(string(kind)):
		out := bytes.Clone(body)
		return out, p.messageFields(out, nil, &compare.Place{})
	case !isText(body, truncated):
		if hasPrefix(kind, "multipart/") {
			return p.multipart(contentType, body)
		}
		return body, false
	case hasPrefix(kind, "multipart/"):
		return p.multipart(contentType, body)
	case string(kind) == "text/event-stream":
		return p.events(body), true
	case string(kind) == "application/x-www-form-urlencoded" && !looksLikeJSON(body):
		out, _ := p.parameters(body)
		return out, true
	}
	out, _ := p.document(body)
	return out, true
}

// document redacts JSON or plain text. A text may begin like JSON and be none, such as a line of a log: regular expressions see all of it.
func (p *pass) document(body []byte) ([]byte, bool) {
	if !looksLikeJSON(body) {
		return p.text(body)
	}
	ruled := false
	if len(p.rules.regexps) > 0 && !isJSON(body) {
		body, ruled = p.patterns(body)
	}
	out, changed := p.json(body)
	return out, changed || ruled
}

// events redacts server-sent events, whose data is often JSON, line by line.
func (p *pass) events(body []byte) []byte {
	e := edit{src: body}
	for at := 0; at < len(body); {
		end := len(body)
		if i := bytes.IndexByte(body[at:], '\n'); i >= 0 {
			end = at + i
		}
		from := at
		if bytes.HasPrefix(body[at:end], []byte("data:")) {
			from += len("data:")
		}
		if out, changed := p.document(body[from:end]); changed {
			e.put(append(e.until(from, end), out...))
		}
		at = end + 1
	}
	out, _ := e.result()
	return out
}

// looksLikeJSON goes by how a body begins: clients such as curl send JSON as a form when they are not told a type.
func looksLikeJSON(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && (body[0] == '{' || body[0] == '[' || body[0] == '"')
}

// isText tells whether a body is UTF-8 without control characters such as NUL; a last character that was cut is fine.
func isText(body []byte, truncated bool) bool {
	for i := 1; truncated && i < utf8.UTFMax && i <= len(body); i++ {
		if last := body[len(body)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				body = body[:len(body)-i]
			}
			break
		}
	}
	return utf8.Valid(body) && bytes.IndexByte(body, 0) < 0
}

// mediaType returns the type of a Content-Type without parameters, in lower case. It is valid until the next one.
func (p *pass) mediaType(contentType []byte) []byte {
	kind, _, _ := bytes.Cut(contentType, []byte(";"))
	kind = bytes.TrimSpace(kind)
	return lower(p.kind[:0], kind[:min(len(kind), longestName)])
}

func hasPrefix(text []byte, prefix string) bool {
	return len(text) >= len(prefix) && string(text[:len(prefix)]) == prefix
}
