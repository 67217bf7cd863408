// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kinds of values of JSON and of messages, as they stand in the canonical form.
const (
	jsonObject  = 'o'
	jsonArray   = 'a'
	jsonString  = 's'
	jsonNumber  = 'n'
	jsonLiteral = 'l'
	rawBytes    = 'r' // of a message
)

// jsonNode is one value of a document. Members of objects are ordered by name.
type jsonNode struct {
	kind     byte
	name     []byte // of a member
	value    []byte // of a scalar: the text of a string, a number in normal form, a literal
	from, to int32  // of an object or array: its children in document.children
}

// document is a JSON document, or a body of messages, taken apart into buffers that are used again.
type document struct {
	text     []byte
	at       int
	nodes    []jsonNode
	children []int32
	open     []int32 // children of the values that are being parsed
	root     int32
}

// parse takes body apart when it is a JSON object or array in UTF-8, and says whether it is.
func (d *document) parse(body []byte) bool {
	start := bytes.TrimLeft(body, " \t\r\n")
	if len(start) == 0 || start[0] != '{' && start[0] != '[' || !utf8.Valid(body) || !json.Valid(body) {
		return false
	}
	d.text, d.at = body, 0
	d.empty()
	d.root = d.parseValue(nil)
	return true
}

func (d *document) empty() { d.nodes, d.children, d.open = d.nodes[:0], d.children[:0], d.open[:0] }

// The text is known to be valid from here on.

func (d *document) parseValue(name []byte) int32 {
	switch d.skipSpace() {
	case '{':
		return d.parseObject(name)
	case '[':
		return d.parseArray(name)
	case '"':
		return d.add(jsonNode{kind: jsonString, name: name, value: d.parseString()})
	case 't', 'f', 'n':
		return d.add(jsonNode{kind: jsonLiteral, name: name, value: d.parsePlain()})
	default:
		return d.add(jsonNode{kind: jsonNumber, name: name, value: normalNumber(d.parsePlain())})
	}
}

func (d *document) parseObject(name []byte) int32 {
	base := len(d.open)
	d.at++
	for d.skipSpace() != '}' {
		member := d.parseString()
		d.skipSpace()
		d.at++ // colon
		d.open = append(d.open, d.parseValue(member))
		if d.skipSpace() == ',' {
			d.at++
		}
	}
	d.at++
	// Members of one name stay in their order.
	slices.SortStableFunc(d.open[base:], func(a, b int32) int { return bytes.Compare(d.nodes[a].name, d.nodes[b].name) })
	return d.close(jsonObject, name, base)
}

func (d *document) parseArray(name []byte) int32 {
	base := len(d.open)
	d.at++
	for d.skipSpace() != ']' {
		d.open = append(d.open, d.parseValue(nil))
		if d.skipSpace() == ',' {
			d.at++
		}
	}
	d.at++
	return d.close(jsonArray, name, base)
}

func (d *document) close(kind byte, name []byte, base int) int32 {
	from := int32(len(d.children))
	d.children = append(d.children, d.open[base:]...)
	d.open = d.open[:base]
	return d.add(jsonNode{kind: kind, name: name, from: from, to: int32(len(d.children))})
}

func (d *document) add(n jsonNode) int32 {
	d.nodes = append(d.nodes, n)
	return int32(len(d.nodes) - 1)
}

func (d *document) skipSpace() byte {
	for {
		switch c := d.text[d.at]; c {
		case ' ', '\t', '\r', '\n':
			d.at++
		default:
			return c
		}
	}
}

func (d *document) parseString() []byte {
	start, escaped := d.at, false
	for d.at++; d.text[d.at] != '"'; d.at++ {
		if d.text[d.at] == '\\' {
			escaped = true
			d.at++
		}
	}
	d.at++
	if !escaped {
		return d.text[start+1 : d.at-1]
	}
	var text string
	if err := json.Unmarshal(d.text[start:d.at], &text); err != nil {
		return d.text[start:d.at] // cannot be: it is part of a valid document
	}
	return []byte(text)
}

func (d *document) parsePlain() []byte {
	start := d.at
	for d.at < len(d.text) && strings.IndexByte(" \t\r\n,]}", d.text[d.at]) < 0 {
		d.at++
	}
	return d.text[start:d.at]
}

// mostZeros is how many zeros at the end of a number are written out in its normal form.
const mostZeros = 30

// normalNumber gives numbers of one value one text, without rounding, so that numbers that differ stay different: digits
// without needless zeros, and an exponent where there is a fraction or there are very many zeros.
func normalNumber(text []byte) []byte {
	if !bytes.ContainsAny(text, ".eE") && len(text) <= mostZeros && string(text) != "-0" {
		return text
	}
	mantissa, exponent := text, 0
	if i := bytes.IndexAny(text, "eE"); i >= 0 {
		e, err := strconv.ParseInt(string(text[i+1:]), 10, 32)
		if err != nil {
			return text // beyond any use; compared as it is written
		}
		mantissa, exponent = text[:i], int(e)
	}
	digits, negative := bytes.CutPrefix(mantissa, []byte("-"))
	whole, fraction, _ := bytes.Cut(digits, []byte("."))
	all := bytes.TrimLeft(slices.Concat(whole, fraction), "0")
	significant := bytes.TrimRight(all, "0")
	if len(significant) == 0 {
		return []byte("0")
	}
	exponent += len(all) - len(significant) - len(fraction)
	out := make([]byte, 0, len(significant)+mostZeros+1)
	if negative {
		out = append(out, '-')
	}
	out = append(out, significant...)
	if exponent < 0 || exponent > mostZeros {
		return strconv.AppendInt(append(out, 'e'), int64(exponent), 10)
	}
	for range exponent {
		out = append(out, '0')
	}
	return out
}
