// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package redact replaces secrets in recorded messages by tokens: the same secret gives the same token as long as the
// key is the same, and nobody without the key can test a guess against it.
package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Prefix begins each token; 16 hexadecimal digits follow.
const Prefix = "restage-"

const (
	minKey = 16   // bytes
	maxKey = 4096 // bytes
)

// Redactor redacts with one key. It may be used by several goroutines.
type Redactor struct {
	macs sync.Pool
	// keepTokens leaves alone what is a token already.
	keepTokens bool
}

// New returns a redactor with a key.
func New(key []byte) *Redactor {
	key = slices.Clone(key)
	return &Redactor{macs: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// KeepingTokens returns the redactor, which leaves tokens as they are from now on, whatever key they were made with: what is
// redacted already is redacted.
func (r *Redactor) KeepingTokens() *Redactor {
	r.keepTokens = true
	return r
}

// CheckKey tells whether a key is long enough, and not too long.
func CheckKey(key []byte) error {
	if len(key) < minKey || len(key) > maxKey {
		return fmt.Errorf("%d bytes, allowed are %d to %d", len(key), minKey, maxKey)
	}
	return nil
}

// NewRandom returns a redactor whose tokens are the same only as long as it lives.
func NewRandom() *Redactor {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return New(key)
}

// FromFile returns a redactor with the key in a file, of 16 to 4096 bytes.
func FromFile(path string) (*Redactor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the redaction key: %w", err)
	}
	defer f.Close()
	key, err := io.ReadAll(io.LimitReader(f, maxKey+1))
	if err != nil {
		return nil, fmt.Errorf("reading the redaction key: %w", err)
	}
	if err := CheckKey(key); err != nil {
		return nil, fmt.Errorf("redaction key %s: %w", path, err)
	}
	return New(key), nil
}

// Token returns what stands for a secret.
func (r *Redactor) Token(secret []byte) string {
	mac := r.macs.Get().(hash.Hash)
	defer r.macs.Put(mac)
	mac.Reset()
	mac.Write(secret)
	var sum [sha256.Size]byte
	return Prefix + hex.EncodeToString(mac.Sum(sum[:0])[:8])
}

// isToken tells what Token may have returned.
func isToken(value []byte) bool {
	digits, ok := bytes.CutPrefix(value, []byte(Prefix))
	return ok && len(digits) == 16 && len(bytes.Trim(digits, "0123456789abcdef")) == 0
}

// Record redacts the heads of a record and lists in it what was redacted, as "request.header.authorization".
func (r *Redactor) Record(record *trafficpb.Record) {
	for _, half := range []struct {
		name    string
		message *trafficpb.Message
	}{{"request", record.GetRequest()}, {"response", record.GetResponse()}} {
		if half.message == nil {
			continue
		}
		var names []string
		half.message.Head, names = r.Head(half.message.Head)
		for _, name := range names {
			if name = half.name + ".header." + name; !slices.Contains(record.Redacted, name) {
				record.Redacted = append(record.Redacted, name)
			}
		}
	}
}

// Head returns a raw head with the secrets in its headers replaced, and the lower-case names of the headers
// that had some, each once. The other bytes stay as they are. Without a secret the head itself is returned.
func (r *Redactor) Head(head []byte) ([]byte, []string) {
	var out []byte
	var names []string
	done := 0
	for at := 0; at < len(head); {
		end := len(head)
		if i := bytes.IndexByte(head[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		name, replace := secretHeader(head[at:end])
		if replace != nil {
			from, to := valueOf(head[at:end], len(name))
			out = append(out, head[done:at+from]...)
			out = replace(r, out, head[at+from:at+to])
			done = at + to
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		at = end
	}
	if out == nil {
		return head, nil
	}
	return append(out, head[done:]...), names
}

// valueOf returns where the value of a header line lies.
func valueOf(line []byte, name int) (from, to int) {
	value := bytes.TrimLeft(line[name+1:], " \t")
	from = len(line) - len(value)
	return from, from + len(bytes.TrimRight(value, " \t\r\n"))
}

// secretHeader returns the lower-case name of a header line and how its value is redacted, or nil when it is not.
func secretHeader(line []byte) (string, replacer) {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || colon > longestName {
		return "", nil
	}
	var lower [longestName]byte
	name := lower[:copy(lower[:], line[:colon])]
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			name[i] = c + 'a' - 'A'
		}
	}
	replace := secretHeaders[string(name)]
	if replace == nil {
		return "", nil
	}
	return string(name), replace
}
