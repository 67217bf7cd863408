// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"encoding/binary"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/restage-dev/restage/pkg/protocol/coding"
)

// Key is the hash of a signature.
type Key = xxh3.Uint128

// Kinds of bodies, as they stand in the canonical form.
const (
	bodyBytes  = 'b'
	bodyDigest = 'd' // length and SHA-256
	bodyForm   = 'f'
	bodyJSON   = 'j'
	// bodyMessages are those of Protocol Buffers, in gRPC or alone.
	bodyMessages = 'p'
)

// First bytes of what is hashed, so that keys of different kinds never meet.
const (
	keyExact           = 'E'
	keyDenoised        = 'D'
	keyOperation       = 'O'
	keyOpening         = 'B'
	keyDenoisedOpening = 'b'
)

// longestPath is the length in bytes of the path of a JSON value, or of the name of another field, up to which it can be volatile. It
// keeps the time to look up all fields of a request in proportion to its size.
const longestPath = 512

// fieldSet holds paths of fields: "query.id", "form.id", "$.items[*].id", and "$[*].3.1" of a gRPC message.
type fieldSet map[string]struct{}

// canonical is a request taken apart: the order of query parameters, form fields and members of JSON objects is gone, and
// so is the spelling of JSON, and the order of the fields of messages. Its buffers are used again; it belongs to one goroutine at a time.
type canonical struct {
	q     *Request
	query []pair
	body  byte
	form  []pair
	doc   document

	out  []byte
	path []byte
}

// read takes q apart. Strings and slices of q are referred to until the next read.
func (c *canonical) read(q *Request) {
	c.q = q
	c.query = appendPairs(c.query[:0], q.Query)
	c.form = c.form[:0]
	c.body = c.readBody()
}

func (c *canonical) readBody() byte {
	if c.q.byDigest() {
		return bodyDigest
	}
	if c.doc.readMessages(c.q) {
		return bodyMessages
	}
	if len(c.q.Body) == 0 || len(coding.List(c.q.ContentEncoding)) > 0 {
		return bodyBytes
	}
	// What looks like JSON is JSON: clients such as curl send it as a form when they are not told a type.
	if c.doc.parse(c.q.Body) {
		return bodyJSON
	}
	switch kind := mediaType(c.q.ContentType); {
	case kind == "application/x-www-form-urlencoded":
		c.form = appendPairs(c.form, string(c.q.Body))
		return bodyForm
	case strings.HasPrefix(kind, "multipart/"):
		var ok bool
		if c.form, ok = appendParts(c.form, c.q.ContentType, c.q.Body); ok {
			return bodyForm
		}
	}
	return bodyBytes
}

// exact is the key of the whole signature.
func (c *canonical) exact() Key { return c.key(keyExact, nil) }

// denoised is the key of the signature without the values of the given fields.
func (c *canonical) denoised(volatile fieldSet) Key { return c.key(keyDenoised, volatile) }

func (c *canonical) key(kind byte, volatile fieldSet) Key {
	c.out = append(c.out[:0], kind)
	c.text(c.q.Method)
	c.text(c.q.Host)
	c.number(uint64(c.q.Port))
	c.text(c.q.Path)
	c.text(mediaType(c.q.ContentType))
	c.pairs("query.", c.query, volatile)
	c.out = append(c.out, c.body)
	switch c.body {
	case bodyBytes:
		c.out = append(c.out, c.q.Body...)
	case bodyDigest:
		c.number(uint64(c.q.BodyLength))
		c.out = append(c.out, c.q.BodySHA256...)
	case bodyForm:
		c.pairs("form.", c.form, volatile)
	case bodyJSON, bodyMessages:
		c.path = append(c.path[:0], '$')
		c.value(c.doc.root, volatile)
	}
	return xxh3.Hash128(c.out)
}

// operation is the key of method, host, port and path with identifiers in the path left out.
func (c *canonical) operation() Key {
	c.out = append(c.out[:0], keyOperation)
	c.text(c.q.Method)
	c.text(c.q.Host)
	c.number(uint64(c.q.Port))
	for segment := range strings.SplitSeq(c.q.Path, "/") {
		if isIdentifier(segment) {
			segment = "*"
		}
		c.text(segment)
	}
	return xxh3.Hash128(c.out)
}

func (c *canonical) pairs(prefix string, pairs []pair, volatile fieldSet) {
	c.number(uint64(len(pairs)))
	for i := range pairs {
		c.text(pairs[i].name)
		if len(volatile) > 0 && len(pairs[i].name) <= longestPath {
			c.path = append(append(c.path[:0], prefix...), pairs[i].name...)
			if _, ok := volatile[string(c.path)]; ok {
				c.out = append(c.out, '*')
				continue
			}
		}
		c.out = append(c.out, '=')
		c.text(pairs[i].value)
	}
}

// value writes the JSON value at index i, whose path is c.path.
func (c *canonical) value(i int32, volatile fieldSet) {
	n := &c.doc.nodes[i]
	c.out = append(c.out, n.kind)
	scalar := n.kind != jsonObject && n.kind != jsonArray
	// Random bytes of a message may read as a message by chance.
	if (scalar || c.body == bodyMessages) && len(volatile) > 0 && len(c.path) <= longestPath {
		if _, ok := volatile[string(c.path)]; ok {
			c.out[len(c.out)-1] = '*'
			return
		}
	}
	if scalar {
		c.bytes(n.value)
		return
	}
	c.number(uint64(n.to - n.from))
	length := len(c.path)
	for _, child := range c.doc.children[n.from:n.to] {
		if n.kind == jsonObject {
			c.bytes(c.doc.nodes[child].name)
		}
		if len(volatile) > 0 {
			c.path = appendStep(c.path[:length], n.kind, c.doc.nodes[child].name)
		}
		c.value(child, volatile)
	}
	c.path = c.path[:length]
}

// appendStep goes down one level from the path of an object or array.
func appendStep(path []byte, kind byte, name []byte) []byte {
	if kind == jsonArray {
		return append(path, "[*]"...)
	}
	return append(append(path, '.'), name...)
}

func (c *canonical) number(n uint64) { c.out = binary.AppendUvarint(c.out, n) }

func (c *canonical) text(s string) {
	c.number(uint64(len(s)))
	c.out = append(c.out, s...)
}

func (c *canonical) bytes(b []byte) {
	c.number(uint64(len(b)))
	c.out = append(c.out, b...)
}

// eachField calls yield with the path and the value of every field; both are valid during the call alone. kind is that of a
// JSON scalar, and jsonString for the fields of a query or form.
func (c *canonical) eachField(yield func(path []byte, kind byte, value []byte)) {
	for i := range c.query {
		c.path = append(append(c.path[:0], "query."...), c.query[i].name...)
		yield(c.path, jsonString, []byte(c.query[i].value))
	}
	for i := range c.form {
		c.path = append(append(c.path[:0], "form."...), c.form[i].name...)
		yield(c.path, jsonString, []byte(c.form[i].value))
	}
	if c.body == bodyJSON || c.body == bodyMessages {
		c.path = append(c.path[:0], '$')
		c.eachValue(c.doc.root, yield)
	}
}

func (c *canonical) eachValue(i int32, yield func(path []byte, kind byte, value []byte)) {
	n := c.doc.nodes[i]
	if n.kind != jsonObject && n.kind != jsonArray {
		yield(c.path, n.kind, n.value)
		return
	}
	length := len(c.path)
	for _, child := range c.doc.children[n.from:n.to] {
		c.path = appendStep(c.path[:length], n.kind, c.doc.nodes[child].name)
		c.eachValue(child, yield)
	}
	c.path = c.path[:length]
}
