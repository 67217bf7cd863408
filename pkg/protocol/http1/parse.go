// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// protoHTTP2 is what the first line of an HTTP/2 message has in a record. On the wire there is no such line.
const protoHTTP2 = "HTTP/2"

// ParseHead parses the head of a request or of a final response, as Message.Head has it, or that of an HTTP/2 message in the same
// form. Upgrade is not known of an answer to CONNECT, for the method of its request is not in it.
func ParseHead(head []byte) (*Message, error) {
	if !bytes.HasSuffix(head, []byte("\r\n\r\n")) && !bytes.HasSuffix(head, []byte("\n\n")) {
		return nil, fmt.Errorf("%w: the head does not end with an empty line", ErrMalformed)
	}
	m := &Message{Head: head}
	if bytes.HasPrefix(head, []byte("HTTP/")) {
		return m, m.parseResponse("")
	}
	return m, m.parseRequest()
}

func (m *Message) parseRequest() error {
	line, fields := cutLine(string(m.Head))
	method, rest, ok1 := strings.Cut(line, " ")
	target, proto, ok2 := strings.Cut(rest, " ")
	if !ok1 || !ok2 || !isToken(method) || !isTarget(target) {
		return fmt.Errorf("%w: bad request line %q", ErrMalformed, shorten(line))
	}
	if err := m.setProto(proto); err != nil {
		return err
	}
	m.Method, m.Target = method, target
	var err error
	if m.Headers, err = parseFields(fields); err != nil {
		return err
	}
	m.Expect100 = proto == "HTTP/1.1" && m.HasToken("Expect", "100-continue")
	m.Close = m.closes()
	m.framing, err = m.requestFraming()
	return err
}

func (m *Message) parseResponse(method string) error {
	line, fields := cutLine(string(m.Head))
	proto, rest, ok := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if !ok || err != nil || len(code) != 3 || status < 100 || !isValue(reason) {
		return fmt.Errorf("%w: bad status line %q", ErrMalformed, shorten(line))
	}
	if err := m.setProto(proto); err != nil {
		return err
	}
	m.Status = status
	if m.Headers, err = parseFields(fields); err != nil {
		return err
	}
	m.Upgrade = status == 101 || method == "CONNECT" && status/100 == 2
	m.Close = m.closes()
	m.framing, err = m.responseFraming(method)
	if m.framing.kind == toEOF && proto != protoHTTP2 {
		m.Close = true
	}
	return err
}

func (m *Message) setProto(proto string) error {
	if proto != "HTTP/1.1" && proto != "HTTP/1.0" && proto != protoHTTP2 {
		return fmt.Errorf("%w: protocol %q is none of HTTP/1.1, HTTP/1.0 and, in a record, HTTP/2", ErrMalformed, shorten(proto))
	}
	m.Proto = proto
	return nil
}

func (m *Message) closes() bool {
	if m.HasToken("Connection", "close") {
		return true
	}
	return m.Proto == "HTTP/1.0" && !m.HasToken("Connection", "keep-alive")
}

// ParseFields parses field lines that have no first line before them and no empty one after, such as the trailers of a record.
func ParseFields(lines []byte) ([]Header, error) { return parseFields(string(lines)) }

// parseFields parses field lines up to the empty one.
func parseFields(lines string) ([]Header, error) {
	headers := make([]Header, 0, strings.Count(lines, "\n"))
	for {
		var line string
		line, lines = cutLine(lines)
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		// A name with white space about it, or a folded line, is read differently by different readers.
		if !ok || !isToken(name) || !isValue(value) {
			return nil, fmt.Errorf("%w: bad header line %q", ErrMalformed, shorten(name))
		}
		headers = append(headers, Header{Name: name, Value: value})
	}
	if lines != "" {
		return nil, fmt.Errorf("%w: bytes after the empty line", ErrMalformed)
	}
	return headers, nil
}

// cutLine splits text after its first line, which is returned without its end (CR LF, or LF alone).
func cutLine(text string) (line, rest string) {
	line, rest, _ = strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// shorten keeps log lines short, and bodies or secrets that were taken for a line out of them.
func shorten(s string) string {
	const most = 32
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// tokenBytes are the bytes of RFC 9110's token.
var tokenBytes = func() (set [256]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
		set[c] = true
	}
	return set
}()

func isToken(s string) bool {
	for i := range len(s) {
		if !tokenBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

func isTarget(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}

func isValue(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
