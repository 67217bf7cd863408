// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"net/url"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// pass redacts one part of a message, such as its query, and counts what it finds. A pass is used again for the next part.
type pass struct {
	*Redactor
	found []*trafficpb.Count // by class
	// fixed keeps the length of what is replaced.
	fixed bool
	// moved tells that a message of a call has another length than it had, since it is compressed again.
	moved bool
	place compare.Place
	// made are the tokens that regular expressions have put there, which are not redacted once more.
	made map[string]struct{}
	of   protoreflect.MessageDescriptor // of the messages of the call, nil when it is not known
	open []container                    // of the JSON document
	doc  []byte                         // that document
	name [longestName]byte              // of the header that is looked at
	out  []byte                         // what its value becomes
	kind [longestName]byte              // of the body
}

func (p *pass) count(class string) {
	for _, c := range p.found {
		if c.GetName() == class {
			c.Count++
			return
		}
	}
	p.found = append(p.found, &trafficpb.Count{Name: class, Count: 1})
}

// edit makes a text of another from which parts are replaced. It copies nothing before the first replacement.
type edit struct {
	src, out []byte
	done     int
}

// until takes over what stands before from and drops what stands from there up to to; the replacement is appended to what it returns,
// which is given to put.
func (e *edit) until(from, to int) []byte {
	if e.out == nil {
		e.out = make([]byte, 0, len(e.src)+len(e.src)/8+64)
	}
	out := append(e.out, e.src[e.done:from]...)
	e.done = to
	return out
}

func (e *edit) put(out []byte) { e.out = out }

// result is the new text, or the old one when nothing was replaced.
func (e *edit) result() ([]byte, bool) {
	if e.out == nil {
		return e.src, false
	}
	return append(e.out, e.src[e.done:]...), true
}

// text redacts what rules and detectors find in plain text, and tells whether there was something.
func (p *pass) text(src []byte) ([]byte, bool) {
	src, ruled := p.patterns(src)
	e := edit{src: src}
	for at := 0; ; {
		s, ok := p.finder.next(src, at)
		if !ok {
			break
		}
		at = s.to
		value := src[s.from:s.to]
		if s.class == ClassSecretField {
			value, _ = p.unescape(value) // so that it has the token that it has elsewhere
		}
		if !p.isKept(value) {
			e.put(p.replace(e.until(s.from, s.to), value, s.class))
		}
	}
	out, changed := e.result()
	return out, changed || ruled
}

// patterns redacts what the regular expressions of rules match.
func (p *pass) patterns(src []byte) ([]byte, bool) {
	changed := false
	for i := range p.rules.regexps {
		rule := &p.rules.regexps[i]
		if !rule.pattern.Match(src) { // unlike finding, this takes no memory
			continue
		}
		e := edit{src: src}
		for _, at := range rule.pattern.FindAllSubmatchIndex(src, -1) {
			from, to := at[0], at[1]
			if len(at) > 2 && at[2] >= 0 {
				from, to = at[2], at[3]
			}
			if from < to && !p.inToken(src, from, to) {
				out := e.until(from, to)
				before := len(out)
				out = p.replace(out, src[from:to], rule.class)
				p.remember(out[before:])
				e.put(out)
			}
		}
		out, replaced := e.result()
		src, changed = out, changed || replaced
	}
	return src, changed
}

// remember has a token stay, as it does in a replay, which keeps all tokens: or else the two would differ.
func (p *pass) remember(token []byte) {
	if p.made == nil {
		p.made = map[string]struct{}{}
	}
	p.made[string(token)] = struct{}{}
}

// isKept tells whether a value is a token that is to stay.
func (p *pass) isKept(value []byte) bool {
	if _, ok := p.made[string(value)]; ok {
		return true
	}
	return p.keepTokens && (isToken(value) || p.fixed && (isSameLength(value) || p.keepShort && len(value) < leastChecked && mayBeSameLength(value)))
}

// inToken tells whether a part of a text is a token that is to stay, or in one: a rule may find something in it, in which case what is redacted
// already would become something else.
func (p *pass) inToken(text []byte, from, to int) bool {
	if !p.keepTokens && len(p.made) == 0 {
		return false
	}
	for at := max(0, to-tokenLength); at <= from && at+tokenLength <= len(text); at++ {
		if p.isKept(text[at : at+tokenLength]) {
			return true
		}
	}
	if p.fixed {
		for from > 0 && hexDigits[text[from-1]] {
			from--
		}
		for to < len(text) && hexDigits[text[to]] {
			to++
		}
	}
	return p.isKept(text[from:to])
}

// replace appends what stands for a value of a class.
func (p *pass) replace(dst, value []byte, class string) []byte {
	p.count(class)
	switch {
	case class == ClassCard:
		return p.card(dst, value)
	case p.fixed:
		return p.sameLength(dst, value)
	case class == ClassEmail:
		return p.email(dst, value)
	}
	return append(dst, p.Token(value)...)
}

// parameters redacts a query or a URL-encoded form.
func (p *pass) parameters(src []byte) ([]byte, bool) {
	e := edit{src: src}
	for at := 0; at < len(src); {
		end := len(src)
		if i := bytes.IndexByte(src[at:], '&'); i >= 0 {
			end = at + i
		}
		from := at
		if i := bytes.IndexByte(src[at:end], '='); i >= 0 {
			from = at + i + 1
		}
		if value, changed := p.parameter(src[at:max(from-1, at)], src[from:end]); changed {
			e.put(append(e.until(from, end), value...))
		}
		at = end + 1
	}
	return e.result()
}

// unescape undoes the escapes of a parameter, and tells whether it has any.
func (p *pass) unescape(value []byte) ([]byte, bool) {
	if p.fixed || bytes.IndexByte(value, '%') < 0 && bytes.IndexByte(value, '+') < 0 {
		return value, false
	}
	text, err := url.QueryUnescape(string(value))
	if err != nil {
		return value, false
	}
	return []byte(text), true
}

func (p *pass) parameter(name, value []byte) ([]byte, bool) {
	plain, escaped := p.unescape(value)
	var out []byte
	if p.fields && isSecretName(name) && len(value) > 0 {
		if out = p.field(plain, ClassSecretField); bytes.Equal(out, plain) {
			return value, false
		}
	} else {
		var changed bool
		if out, changed = p.text(plain); !changed {
			return value, false
		}
	}
	if escaped {
		out = []byte(url.QueryEscape(string(out)))
	}
	return out, true
}

// path redacts the segments of a path as they are when they are unescaped.
func (p *pass) path(src []byte) ([]byte, bool) {
	if bytes.IndexByte(src, '%') < 0 {
		return p.text(src)
	}
	changed := false
	segments := strings.Split(string(src), "/")
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			plain = segment
		}
		if out, found := p.text([]byte(plain)); found {
			segments[i], changed = url.PathEscape(string(out)), true
		}
	}
	if !changed {
		return src, false
	}
	return []byte(strings.Join(segments, "/")), true
}
