// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "slices"

// secret is where in a text a detector found something.
type secret struct {
	from, to int
	class    string
}

// finder looks for secrets in one pass. Most bytes are passed over by the table alone.
type finder struct {
	triggers [256]uint8    // which detector a byte is of interest to
	words    [256][]format // that begin with the byte
}

// Triggers, as they stand in finder.triggers; 0 is none.
const (
	onAt    uint8 = iota + 1 // e-mail addresses
	onDigit                  // cards
	onDash                   // private keys
	onWord                   // the beginning of a format
	onQuery                  // parameters of URLs
)

func newFinder(detectors []string) *finder {
	f := &finder{}
	if slices.Contains(detectors, ClassEmail) {
		f.triggers['@'] = onAt
	}
	if slices.Contains(detectors, ClassCard) {
		for c := '2'; c <= '6'; c++ { // no network begins with another
			f.triggers[c] = onDigit
		}
	}
	if slices.Contains(detectors, ClassPrivateKey) {
		f.triggers['-'] = onDash
	}
	if slices.Contains(detectors, ClassSecretField) {
		for _, c := range []byte("?&#") {
			f.triggers[c] = onQuery
		}
	}
	for _, known := range formats() {
		if !slices.Contains(detectors, known.class) {
			continue
		}
		first := known.prefix[0]
		f.triggers[first] = onWord
		f.words[first] = append(f.words[first], known)
		if known.foldCase {
			upper := first - 'a' + 'A'
			f.triggers[upper] = onWord
			f.words[upper] = append(f.words[upper], known)
		}
	}
	return f
}

// shortestSecret is the length of the shortest text that a detector finds, in bytes: "a@b.cc", or "?pin=1".
const shortestSecret = 6

// next finds the first secret in the text from some byte on.
func (f *finder) next(text []byte, from int) (secret, bool) {
	if len(text)-from < shortestSecret {
		return secret{}, false
	}
	for i := from; i < len(text); i++ {
		trigger := f.triggers[text[i]]
		if trigger == 0 {
			continue
		}
		var found secret
		var ok bool
		switch trigger {
		case onAt:
			found, ok = findEmail(text, i, from)
		case onDigit:
			found, ok = findCard(text, i)
		case onDash:
			found, ok = findPrivateKey(text, i)
		case onQuery:
			found, ok = findParameter(text, i)
		case onWord:
			if i > 0 && isJoined[text[i-1]] {
				continue
			}
			found, ok = findFormat(f.words[text[i]], text, i)
		}
		if ok {
			return found, true
		}
	}
	return secret{}, false
}
