// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bytes"
	"strconv"
)

// AppendMessage appends a message made of a raw head and a body without transfer coding. The bytes of the head
// stay as they are: a head that says chunked gets one chunk, another gets its Content-Length changed in place when it
// differs from the body, or added when it has none and needs one. A response whose status forbids a body
// (1xx, 204, 304) gets none. To answer HEAD, append the head alone: its Content-Length is that of another body.
func AppendMessage(dst, head, body []byte) []byte {
	if isBodiless(head) {
		return append(dst, head...)
	}
	if from, to := FieldValue(head, "transfer-encoding"); bytes.EqualFold(head[from:to], []byte("chunked")) {
		return appendChunked(append(dst, head...), body)
	}
	return append(appendSizedHead(dst, head, len(body)), body...)
}

func appendChunked(dst, body []byte) []byte {
	if len(body) > 0 {
		dst = strconv.AppendInt(dst, int64(len(body)), 16)
		dst = append(dst, "\r\n"...)
		dst = append(dst, body...)
		dst = append(dst, "\r\n"...)
	}
	return append(dst, "0\r\n\r\n"...)
}

func appendSizedHead(dst, head []byte, size int) []byte {
	if from, to := FieldValue(head, "content-length"); to > from {
		if got, err := strconv.Atoi(string(head[from:to])); err == nil && got == size {
			return append(dst, head...)
		}
		dst = append(dst, head[:from]...)
		dst = strconv.AppendInt(dst, int64(size), 10)
		return append(dst, head[to:]...)
	}
	if size == 0 && !bytes.HasPrefix(head, []byte("HTTP/")) {
		return append(dst, head...) // a request without framing has no body
	}
	end := bytes.TrimSuffix(bytes.TrimSuffix(head, []byte("\n")), []byte("\r"))
	dst = append(dst, end...)
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(size), 10)
	return append(dst, "\r\n\r\n"...)
}

// isBodiless tells it of the status line "HTTP/1.1 204 ...".
func isBodiless(head []byte) bool {
	const prefix = len("HTTP/1.1 ")
	if !bytes.HasPrefix(head, []byte("HTTP/")) || len(head) < prefix+3 {
		return false
	}
	status, err := strconv.Atoi(string(head[prefix : prefix+3]))
	m := Message{Status: status}
	return err == nil && m.bodiless()
}

// FieldValue returns where the value of the first field of that lower-case name lies in a raw head; when there is none, or it is empty, from is to.
func FieldValue(head []byte, name string) (from, to int) {
	for at := 0; at < len(head); {
		end := bytes.IndexByte(head[at:], '\n')
		if end < 0 {
			end = len(head) - at
		}
		line := head[at : at+end]
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			from, to = TrimBlanks(line, len(name)+1)
			return at + from, at + to
		}
		at += end + 1
	}
	return 0, 0
}

// TrimBlanks returns where what a line has from some byte on begins and ends, without the blanks and the end of the line around it.
func TrimBlanks(line []byte, from int) (start, end int) {
	end = len(line)
	for from < end && (line[from] == ' ' || line[from] == '\t') {
		from++
	}
	for end > from && (line[end-1] == ' ' || line[end-1] == '\t' || line[end-1] == '\r' || line[end-1] == '\n') {
		end--
	}
	return from, end
}
