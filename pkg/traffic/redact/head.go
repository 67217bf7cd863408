// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"slices"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

// line is one line of a head, from the name of a header on.
type line struct {
	name  []byte // lower-case; empty when this is no header
	value []byte
	from  int // of the value, in the head
}

// lines goes through the headers of a raw head. The names are in the buffer, which is longestName long, and valid until the next one.
func lines(buffer, head []byte, yield func(line)) {
	for at := 0; at < len(head); {
		end := len(head)
		if i := bytes.IndexByte(head[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if colon := bytes.IndexByte(head[at:end], ':'); colon > 0 && colon <= longestName {
			from, to := http1.TrimBlanks(head[at:end], colon+1)
			yield(line{name: lower(buffer[:0], head[at:at+colon]), value: head[at+from : at+to], from: at + from})
		}
		at = end
	}
}

func lower(dst, name []byte) []byte {
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// head redacts a raw head, and appends to names where: "path", "query" and "header." and its lower-case name, each once. Without a secret
// the head itself is returned.
func (p *pass) head(head []byte, names []string) ([]byte, []string) {
	first := len(head)
	if i := bytes.IndexByte(head, '\n'); i >= 0 {
		first = i + 1
	}
	e := edit{src: head}
	names = p.firstLine(&e, head[:first], names)
	lines(p.name[:], head[first:], func(l line) {
		from := first + l.from
		if out, changed := p.header(l.name, l.value); changed {
			e.put(append(e.until(from, from+len(l.value)), out...))
			names = add(names, "header."+string(l.name))
		}
	})
	out, _ := e.result()
	return out, names
}

// trailers redacts lines that have no first line before them.
func (p *pass) trailers(text []byte, names []string) ([]byte, []string) {
	e := edit{src: text}
	lines(p.name[:], text, func(l line) {
		if out, changed := p.header(l.name, l.value); changed {
			e.put(append(e.until(l.from, l.from+len(l.value)), out...))
			names = add(names, "trailer."+string(l.name))
		}
	})
	out, _ := e.result()
	return out, names
}

func add(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// header redacts the value of a header. What it returns is valid until the next one.
func (p *pass) header(name, value []byte) ([]byte, bool) {
	if len(value) == 0 {
		return value, false
	}
	if class, ok := p.rules.headers[string(name)]; ok {
		if p.isKept(value) {
			return value, false
		}
		p.count(class)
		return []byte(p.Token(value)), true
	}
	if replace := secretHeaders[string(name)]; replace != nil {
		p.out = replace(p, p.out[:0], value)
		return p.out, !bytes.Equal(p.out, value)
	}
	switch {
	case isPlainHeader(name):
		return value, false
	case isURLHeader(name):
		return p.url(value)
	}
	return p.text(value)
}

// url redacts a URL whose authority, if it has one, stays.
func (p *pass) url(src []byte) ([]byte, bool) {
	e := edit{src: src}
	path, query, fragment := parts(src)
	if out, changed := p.path(src[path:query]); changed {
		e.put(append(e.until(path, query), out...))
	}
	if query < len(src) {
		if out, changed := p.parameters(src[query+1 : fragment]); changed {
			e.put(append(e.until(query+1, fragment), out...))
		}
	}
	if fragment < len(src) { // where implicit grants have their tokens
		if out, changed := p.parameters(src[fragment+1:]); changed {
			e.put(append(e.until(fragment+1, len(src)), out...))
		}
	}
	return e.result()
}

// parts returns where the path of a URL begins, and where it and the query end: at ? and #, or at the end.
func parts(src []byte) (path, query, fragment int) {
	fragment = len(src)
	if i := bytes.IndexByte(src, '#'); i >= 0 {
		fragment = i
	}
	query = fragment
	if i := bytes.IndexByte(src[:fragment], '?'); i >= 0 {
		query = i
	}
	if i := bytes.Index(src[:query], []byte("://")); i >= 0 {
		path = query
		if slash := bytes.IndexByte(src[i+3:query], '/'); slash >= 0 {
			path = i + 3 + slash
		}
	}
	return path, query, fragment
}

// firstLine redacts the target of a request: METHOD target VERSION.
func (p *pass) firstLine(e *edit, first []byte, names []string) []string {
	from := bytes.IndexByte(first, ' ') + 1
	to := bytes.LastIndexByte(first, ' ')
	if from == 0 || to <= from || bytes.HasPrefix(first, []byte("HTTP/")) {
		return names
	}
	target := first[from:to]
	path, query, _ := parts(target)
	if out, changed := p.path(target[path:query]); changed {
		e.put(append(e.until(from+path, from+query), out...))
		names = add(names, "path")
	}
	if query < len(target) {
		if out, changed := p.parameters(target[query+1:]); changed {
			e.put(append(e.until(from+query+1, to), out...))
			names = add(names, "query")
		}
	}
	return names
}

// headerOf returns the value of the first header of a lower-case name; empty when there is none.
func headerOf(head []byte, name string) []byte {
	from, to := http1.FieldValue(head, name)
	return head[from:to]
}
