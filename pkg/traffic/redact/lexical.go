// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/restage-dev/restage/pkg/traffic"
)

// structural are the bytes that are no part of what is outside of strings.
var structural = *chars("{{}}[[]],,\"\"")

// isNumber tells of a number, or what is written like one.
func isNumber(text []byte) bool {
	if !digits[text[0]] && text[0] != '-' {
		return false
	}
	for _, c := range text {
		if !numberChars[c] {
			return false
		}
	}
	return true
}

var numberChars = *chars("09..eeEE++--")

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// isScalar tells of a number or a literal, also of those that some write although JSON does not have them.
func isScalar(text []byte) bool {
	if isNumber(text) {
		return true
	}
	switch string(text) {
	case "true", "false", "null", "NaN", "Infinity", "-Infinity":
		return true
	}
	return false
}

// bareEnd returns where what is outside of strings and begins at i ends, and whether it is a scalar. What is no JSON goes on over commas within
// a word, such as the value of a parameter of a URL.
func bareEnd(src []byte, i int) (end int, scalar bool) {
	end = wordsEnd(src, i)
	if isScalar(src[i:end]) {
		return end, true
	}
	for {
		next := end
		for next < len(src) && src[next] == ',' {
			next++
		}
		if next == end || next == len(src) || structural[src[next]] || isBlank(src[next]) {
			return end, false
		}
		end = wordsEnd(src, next)
	}
}

// wordsEnd returns where the words that begin at i end: before a structural byte, and the blanks before it.
func wordsEnd(src []byte, i int) int {
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
	quoted, _ := traffic.MarshalJSON(string(text)) // a string cannot fail
	return quoted[1 : len(quoted)-1]
}
