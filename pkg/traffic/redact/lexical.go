// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// structural are the bytes that are no part of what is outside of strings.
var structural = *chars("{{}}[[]],,\"\"")

// isNumber tells of a number, or what is written like one.
func isNumber(text []byte) bool {
	for _, c := range text {
		if !digits[c] && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-' {
			return false
		}
	}
	return digits[text[0]] || text[0] == '-'
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// bareEnd returns where what is outside of strings and begins at i ends.
func bareEnd(src []byte, i int) int {
	end := i + 1
	for end < len(src) && !structural[src[end]] {
		end++
	}
	for isBlank(src[end-1]) {
		end--
	}
	return end
}

// isName tells of the string before rest that it is the name of a member, also where the text was cut after it.
func isName(rest []byte) bool {
	for _, c := range rest {
		if !isBlank(c) {
			return c == ':'
		}
	}
	return true
}

// isJSON tells whether a text is nothing but JSON documents that follow one another, of which the last may be cut.
func isJSON(text []byte) bool {
	if json.Valid(text) { // which takes no memory
		return true
	}
	documents := json.NewDecoder(bytes.NewReader(text))
	for {
		var document json.RawMessage
		if err := documents.Decode(&document); err != nil {
			return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		}
	}
}

// stringEnd returns where the string that begins with the quote at i ends, after its other quote, or with the text.
func stringEnd(src []byte, i int) int {
	for i++; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(src)
}

// unquote undoes the escapes of a string; it is not ok when they are wrong.
func unquote(content []byte) ([]byte, bool) {
	var text string
	if err := json.Unmarshal(append(append([]byte{'"'}, content...), '"'), &text); err != nil {
		return content, false
	}
	return []byte(text), true
}

func quote(text []byte) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(string(text)) // a string cannot fail, nor can a buffer
	quoted := bytes.TrimRight(out.Bytes(), "\n")
	return quoted[1 : len(quoted)-1]
}
