// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/json"
	"strconv"
	"strings"
)

// place is where in a document a value is: members and elements only.
type place []step

// String writes the place in the notation that ParsePath reads.
func (p place) String() string { return p.format(false) }

// general writes the place with all elements of a list taken as one.
func (p place) general() string { return p.format(true) }

func (p place) format(general bool) string {
	var b strings.Builder
	b.WriteByte('$')
	for _, s := range p {
		switch {
		case s.kind != member && general:
			b.WriteString("[*]")
		case s.kind != member:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case s.declared != nil:
			b.WriteString("." + string(s.declared.Name()))
		case s.name != "" && strings.IndexFunc(s.name, func(r rune) bool { return !isNameRune(r) }) < 0:
			b.WriteString("." + s.name)
		default:
			quoted, _ := json.Marshal(s.name) // a string can always be written
			b.WriteString("[" + string(quoted) + "]")
		}
	}
	return b.String()
}

// covers tells whether the path selects the place or something above it.
func (p Path) covers(at place) bool {
	return p.reaches(at) || len(at) > 0 && at[0].kind == message && p.steps[0].kind == member && p.reaches(at[1:])
}

// reaches tells whether the steps of the path lead to the place or something above it. A mismatch after a step that
// descends is tried again one level deeper, from the last such step only: that is enough, as the place
// where an earlier one matched first is as good as any later, and it keeps the work at steps × depth.
func (p Path) reaches(at place) bool {
	next, depth := 0, 0
	retryNext, retryDepth := -1, 0
	for next < len(p.steps) {
		if s := p.steps[next]; s.kind == descend {
			retryNext, retryDepth = next, depth
		}
		if depth < len(at) && p.steps[next].matches(at[depth]) {
			next, depth = next+1, depth+1
			continue
		}
		if retryNext < 0 || retryDepth >= len(at) {
			return false
		}
		retryDepth++
		next, depth = retryNext, retryDepth
	}
	return true
}

func (s step) matches(at step) bool {
	switch s.kind {
	case anyChild:
		return true
	case element:
		return at.kind != member && at.index == s.index
	default:
		return at.kind == member && (at.name == s.name || at.isDeclaredAs(s.name))
	}
}

// isDeclaredAs takes a name as it is in a .proto file, and as it is in JSON.
func (s step) isDeclaredAs(name string) bool {
	return s.declared != nil && (string(s.declared.Name()) == name || s.declared.JSONName() == name)
}
