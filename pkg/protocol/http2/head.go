// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http2

import (
	"fmt"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

// parseRequest writes the head of a request as text, and parses it as every reader of the record will.
func parseRequest(fields []hpack.HeaderField) (*http1.Message, error) {
	method, target, authority := pseudo(fields, ":method"), pseudo(fields, ":path"), pseudo(fields, ":authority")
	if method == "CONNECT" && target == "" {
		target = authority
	}
	// Each is one word of a line.
	if !isWord(method) || !isWord(target) || authority != "" && !isWord(authority) {
		return nil, fmt.Errorf("%w: bad method, path or authority", ErrMalformed)
	}
	head := append(make([]byte, 0, 512), method+" "+target+" HTTP/2\r\n"...)
	if authority != "" {
		head = appendField(head, "host", authority)
	}
	head, err := appendFields(head, fields, func(name string) bool { return name == "host" && authority != "" })
	if err != nil {
		return nil, err
	}
	return parse(head)
}

func parseResponse(fields []hpack.HeaderField) (*http1.Message, error) {
	status := pseudo(fields, ":status")
	if len(status) != 3 || !isWord(status) {
		return nil, fmt.Errorf("%w: bad status", ErrMalformed)
	}
	head, err := appendFields(append(make([]byte, 0, 512), "HTTP/2 "+status+"\r\n"...), fields, nil)
	if err != nil {
		return nil, err
	}
	return parse(head)
}

// parse completes a head.
func parse(head []byte) (*http1.Message, error) {
	m, err := http1.ParseHead(append(head, "\r\n"...))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return m, nil
}

func parseTrailers(fields []hpack.HeaderField) (text []byte, headers []http1.Header, err error) {
	for _, f := range fields {
		if !f.IsPseudo() {
			headers = append(headers, http1.Header{Name: f.Name, Value: f.Value})
		}
	}
	text, err = appendFields(nil, fields, nil)
	return text, headers, err
}

// appendFields writes the fields that are not pseudo-fields, but for those that are left out. A field that would not be one line is
// refused.
func appendFields(dst []byte, fields []hpack.HeaderField, leaveOut func(name string) bool) ([]byte, error) {
	for _, f := range fields {
		if f.IsPseudo() || leaveOut != nil && leaveOut(f.Name) {
			continue
		}
		if !httpguts.ValidHeaderFieldName(f.Name) || !httpguts.ValidHeaderFieldValue(f.Value) {
			return nil, fmt.Errorf("%w: bad field", ErrMalformed)
		}
		dst = appendField(dst, f.Name, f.Value)
	}
	return dst, nil
}

func appendField(dst []byte, name, value string) []byte {
	return append(append(append(append(dst, name...), ": "...), value...), "\r\n"...)
}

// fromHTTP1 rewrites a request that asked for HTTP/2, without the fields that did.
func fromHTTP1(m *http1.Message) (*http1.Message, error) {
	head := append(make([]byte, 0, len(m.Head)), m.Method+" "+m.Target+" HTTP/2\r\n"...)
	for _, h := range m.Headers {
		name := strings.ToLower(h.Name)
		if name != "connection" && name != "upgrade" && name != "http2-settings" && name != "transfer-encoding" {
			head = appendField(head, name, h.Value)
		}
	}
	out, err := parse(head)
	if err != nil {
		return nil, err
	}
	out.Body, out.BodyLength, out.BodySHA256, out.Truncated = m.Body, m.BodyLength, m.BodySHA256, m.Truncated
	return out, nil
}

// pseudo returns the value of a pseudo-field, "" when there is none.
func pseudo(fields []hpack.HeaderField, name string) string {
	for _, f := range fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func isInterim(fields []hpack.HeaderField) bool {
	status := pseudo(fields, ":status")
	return len(status) == 3 && status[0] == '1'
}

func isWord(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}
