// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "bytes"

// deepest is the level below which the paths of rules are not looked for any more, which bounds the work on a document.
const deepest = 64

// nearest is how many levels up the name of a list is looked for.
const nearest = 4

// container is an object or a list that is open.
type container struct {
	object   bool
	index    int  // of the element, in a list
	from, to int  // of the name of the member, in an object, in the document
	named    bool // the name was read, and its value follows
	secret   bool // the name says that the value is
}

// json redacts the values of JSON documents that follow one another. What was cut, or only looks like JSON, is redacted as far as it can be
// told apart, and what stands between as text; what is JSON stays JSON, with values of the same kinds.
func (p *pass) json(src []byte) ([]byte, bool) {
	e := edit{src: src}
	p.open, p.doc = p.open[:0], src
	p.place.Reset()
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case c == '{' || c == '[':
			p.enter(c == '{')
			i++
		case c == '}' || c == ']':
			p.leave()
			i++
		case c == ',':
			p.next()
			i++
		case c == '"':
			end := stringEnd(src, i)
			p.jsonString(&e, i, end)
			i = end
		case c == ':' || isBlank(c):
			i++
		default:
			end, scalar := bareEnd(src, i)
			if scalar {
				p.scalar(&e, i, end)
			} else {
				p.words(&e, i, end)
			}
			i = end
		}
	}
	return e.result()
}

// words takes what stands outside of strings from from to to in what is no JSON.
func (p *pass) words(e *edit, from, to int) {
	text := e.src[from:to]
	if out, changed := p.value(text); changed {
		e.put(append(e.until(from, to), out...))
	}
	for range bytes.Count(text, []byte(",")) {
		p.next()
	}
}

func (p *pass) enter(object bool) {
	p.step()
	p.open = append(p.open, container{object: object})
}

func (p *pass) leave() {
	if len(p.open) == 0 {
		return
	}
	p.open = p.open[:len(p.open)-1]
	if depth := p.place.Depth(); p.tracks() && depth > 0 && depth >= len(p.open) {
		p.place.Up()
	}
	if n := len(p.open); n > 0 {
		p.open[n-1].named = false
	}
}

func (p *pass) next() {
	if n := len(p.open); n > 0 {
		p.open[n-1].index++
		p.open[n-1].named = false
	}
}

// tracks tells whether anybody asks for places.
func (p *pass) tracks() bool { return len(p.rules.paths) > 0 && len(p.open) <= deepest }

// step goes down to the value that comes next.
func (p *pass) step() {
	n := len(p.open)
	if n == 0 || !p.tracks() {
		return
	}
	if top := &p.open[n-1]; top.object {
		p.place.Member(string(p.doc[top.from:top.to]))
	} else {
		p.place.Element(top.index)
	}
}

// jsonString takes the string from its quote at from to to, after the other quote.
func (p *pass) jsonString(e *edit, from, to int) {
	content := e.src[from+1 : to]
	closed := to-from >= 2 && e.src[to-1] == '"' // not when the document was cut
	if closed {
		content = content[:len(content)-1]
	}
	if n := len(p.open); n > 0 && p.open[n-1].object && !p.open[n-1].named {
		if isName(e.src[to:]) {
			top := &p.open[n-1]
			top.from, top.to, top.named, top.secret = from+1, from+1+len(content), true, p.fields && isSecretName(content)
			return
		}
		p.open[n-1].from, p.open[n-1].to, p.open[n-1].secret = 0, 0, false // it is not JSON
	}
	plain, escaped := content, bytes.IndexByte(content, '\\') >= 0
	if escaped = escaped && !p.fixed; escaped {
		plain, escaped = unquote(content)
	}
	var out []byte
	changed := false
	if p.fixed && bytes.IndexByte(content, '\\') >= 0 && p.wholeClass() == "" {
		out, changed = p.betweenEscapes(content)
	} else {
		out, changed = p.value(plain)
	}
	if !changed {
		return
	}
	if escaped {
		out = quote(out)
	}
	e.put(append(e.until(from+1, from+1+len(content)), out...))
}

// betweenEscapes redacts what stands between the escapes of a string that must keep its length as it is written.
func (p *pass) betweenEscapes(content []byte) ([]byte, bool) {
	e := edit{src: content}
	for at := 0; at < len(content); {
		end := len(content)
		if i := bytes.IndexByte(content[at:], '\\'); i >= 0 {
			end = at + i
		}
		if out, changed := p.text(content[at:end]); changed {
			e.put(append(e.until(at, end), out...))
		}
		at = end + 2 // the backslash and what it escapes
		if end+1 < len(content) && content[end+1] == 'u' {
			at += 4
		}
	}
	return e.result()
}

// value redacts the text of a string, all of it when a rule or its name says so.
func (p *pass) value(plain []byte) ([]byte, bool) {
	class := p.wholeClass()
	if class == "" || len(plain) == 0 {
		return p.text(plain)
	}
	out := p.field(plain, class)
	return out, !bytes.Equal(out, plain)
}

// field redacts all of a value but the scheme of credentials, so that those have the token that they have in a header.
func (p *pass) field(value []byte, class string) []byte {
	n := 0
	if class == ClassSecretField {
		n = schemeLength(value)
	}
	if p.isKept(value[n:]) {
		return value
	}
	return p.replace(bytes.Clone(value[:n]), value[n:], class)
}

// wholeClass is the class of the whole value that comes next, empty when none says that it is secret.
func (p *pass) wholeClass() string {
	n := len(p.open)
	if n == 0 {
		return ""
	}
	if p.tracks() {
		p.step()
		class := p.rules.of(&p.place)
		p.place.Up()
		if class != "" {
			return class
		}
	}
	for i := n - 1; i >= max(0, n-nearest); i-- { // a list of secrets has the name of its member
		if p.open[i].secret {
			return ClassSecretField
		}
		if p.open[i].object {
			break
		}
	}
	return ""
}

// scalar takes the number or the literal that stands from from to to.
func (p *pass) scalar(e *edit, from, to int) {
	number := e.src[from:to]
	if letters[number[0]] || string(number) == "-Infinity" {
		return
	}
	if class := p.wholeClass(); class != "" {
		if !p.keepTokens || !isNumberToken(number) {
			p.count(class)
			if p.fixed {
				e.put(p.sameNumber(e.until(from, to), number))
			} else {
				e.put(p.number(e.until(from, to), number))
			}
		}
		return
	}
	if len(number) >= shortestCard && p.finder.triggers[number[0]] == onDigit {
		if s, ok := findCard(number, 0); ok && s.to == len(number) {
			e.put(p.replace(e.until(from, to), number, ClassCard))
		}
	}
}

// sameNumber is a number as long as the other.
func (p *pass) sameNumber(dst, number []byte) []byte {
	sum := p.sum(number, 0)
	for i := range number {
		if i == 0 {
			dst = append(dst, '1'+sum[0]%9) // no number begins with 0
		} else {
			dst = append(dst, '0'+sum[i%len(sum)]%10)
		}
	}
	return dst
}
