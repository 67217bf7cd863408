// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	// maxPath is the longest path, in bytes.
	maxPath = 1024
	// maxSteps is the greatest number of steps of a path.
	maxSteps = 64
)

type stepKind int

// Kinds of steps. A place in a document has only members, elements and messages.
const (
	member   stepKind = iota // .name, ["name"]
	element                  // [7]
	message                  // of a call: [7] as well, but paths may leave it out
	anyChild                 // [*], .*
	descend                  // ..name: the member at any depth
)

type step struct {
	kind  stepKind
	name  string
	index int
	// declared is, in a place, the field whose number is the name; nil when its type is not known.
	declared protoreflect.FieldDescriptor
}

// Path selects places in a JSON document, in the notation of JSONPath.
type Path struct {
	text  string
	steps []step
}

// ParsePath reads a path such as $.a.b[*].c, $.a["x y"], $.list[0] or $..name: the document, its members
// (bare names of letters, digits, _ and -, others quoted as in JSON or in single quotes), elements by index, all
// children, and members at any depth. A path selects also all that is below the places it names. Members of messages of
// Protocol Buffers are named by their numbers, and as they are declared where that is known. The messages of a call are a list, and
// a path that begins with a name means each of them. The error says where in the path what was expected.
func ParsePath(s string) (Path, error) {
	if len(s) > maxPath {
		return Path{}, fmt.Errorf("path has %d bytes; at most %d are allowed", len(s), maxPath)
	}
	if !utf8.ValidString(s) {
		return Path{}, fmt.Errorf("path %q is not valid UTF-8, as every name in a JSON document is", s)
	}
	rest, ok := strings.CutPrefix(s, "$")
	if !ok {
		return Path{}, fmt.Errorf("path %q must begin with $", s)
	}
	p := Path{text: s}
	for rest != "" {
		next, after, err := parseStep(rest)
		if err != nil {
			return Path{}, fmt.Errorf("path %q at byte %d: %w", s, len(s)-len(rest), err)
		}
		if len(p.steps) == maxSteps {
			return Path{}, fmt.Errorf("path %q has more than %d steps", s, maxSteps)
		}
		p.steps = append(p.steps, next)
		rest = after
	}
	if len(p.steps) == 0 {
		return Path{}, fmt.Errorf("path %q selects the whole document; name a field", s)
	}
	return p, nil
}

func (p Path) String() string { return p.text }

// HasNames tells whether the path goes by the name of a member, where fields of messages have a number.
func (p Path) HasNames() bool {
	return slices.ContainsFunc(p.steps, func(s step) bool {
		return (s.kind == member || s.kind == descend) && strings.Trim(s.name, "0123456789") != ""
	})
}

func parseStep(s string) (step, string, error) {
	switch {
	case strings.HasPrefix(s, ".."):
		name, rest, err := parseName(s[2:])
		return step{kind: descend, name: name}, rest, err
	case strings.HasPrefix(s, ".*"):
		return step{kind: anyChild}, s[2:], nil
	case strings.HasPrefix(s, "."):
		name, rest, err := parseName(s[1:])
		return step{kind: member, name: name}, rest, err
	case strings.HasPrefix(s, "[*]"):
		return step{kind: anyChild}, s[3:], nil
	case strings.HasPrefix(s, `["`), strings.HasPrefix(s, "['"):
		return parseQuoted(s[1:])
	case strings.HasPrefix(s, "["):
		return parseIndex(s[1:])
	}
	return step{}, "", fmt.Errorf("want . or [, got %q", firstRune(s))
}

func parseName(s string) (name, rest string, err error) {
	end := strings.IndexFunc(s, func(r rune) bool { return !isNameRune(r) })
	if end < 0 {
		end = len(s)
	}
	if end == 0 {
		return "", "", fmt.Errorf(`want a name of letters, digits, _ and - (quote others: ["a b"]), got %q`, firstRune(s))
	}
	return s[:end], s[end:], nil
}

func isNameRune(r rune) bool {
	return r == '_' || r == '-' || r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// parseQuoted reads "name"], with the escapes of JSON, or 'name'], without any.
func parseQuoted(s string) (step, string, error) {
	var name string
	if single, rest, ok := strings.Cut(s[1:], "']"); s[0] == '\'' && ok {
		return step{kind: member, name: single}, rest, nil
	}
	decoder := json.NewDecoder(strings.NewReader(s))
	if err := decoder.Decode(&name); err != nil {
		return step{}, "", errors.New(`want a quoted name, as in ["a b"]`)
	}
	quoted := s[:decoder.InputOffset()]
	rest, ok := strings.CutPrefix(s[len(quoted):], "]")
	if !ok {
		return step{}, "", fmt.Errorf("want ] after %s", quoted)
	}
	return step{kind: member, name: name}, rest, nil
}

func parseIndex(s string) (step, string, error) {
	digits, rest, ok := strings.Cut(s, "]")
	index, err := strconv.ParseUint(digits, 10, 31)
	if !ok || err != nil {
		return step{}, "", errors.New(`want an index, * or a quoted name and ], as in [0], [*] or ["a b"]`)
	}
	return step{kind: element, index: int(index)}, rest, nil
}

func firstRune(s string) string {
	if s == "" {
		return "the end"
	}
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}
