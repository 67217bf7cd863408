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
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/sse"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	minKey = 16   // bytes
	maxKey = 4096 // bytes
)

// mostDecoding is how many bodies are decoded at the same time.
const mostDecoding = 2

// Redactor redacts with one key. It may be used by several goroutines.
type Redactor struct {
	macs   sync.Pool
	passes sync.Pool
	// keepTokens leaves alone what is a token already.
	keepTokens bool
	// keepShort also leaves alone what is too short to be told from a token.
	keepShort bool
	finder    *finder
	fields    bool // the names of fields count
	rules     rules
	types     *descriptor.Set // of the messages of gRPC calls, nil when none was named
	decoding  chan struct{}   // has one entry for each body that is being decoded
}

// New returns a redactor with a key, with all detectors and no rules.
func New(key []byte) *Redactor {
	key = slices.Clone(key)
	r := &Redactor{
		macs:   sync.Pool{New: func() any { return hmac.New(sha256.New, key) }},
		finder: newFinder(Detectors()), fields: true, decoding: make(chan struct{}, mostDecoding),
	}
	r.passes.New = func() any { return &pass{Redactor: r} }
	return r
}

// KeepingTokens returns the redactor, which leaves tokens as they are from now on, whatever key they were made with: what is
// redacted already is redacted. Tokens of less than 16 bytes that keep a length cannot be told from secrets, so they are replaced once more.
func (r *Redactor) KeepingTokens() *Redactor {
	r.keepTokens = true
	return r
}

// Matching returns the redactor, which leaves tokens as they are from now on, also short ones: a recorded token is to be found by
// who has the secret and by who has the token. A secret of less than 16 bytes that is made of the same digits stays with them, so nothing
// that is to be stored may be redacted so.
func (r *Redactor) Matching() *Redactor {
	r.keepTokens, r.keepShort = true, true
	return r
}

// WithTypes has the redactor look at the messages of gRPC calls by the types that a descriptor set says they have, so that names of fields count.
// A call that is not in the set is not searched when there are rules for fields by name. A nil set is as none.
func (r *Redactor) WithTypes(set *descriptor.Set) *Redactor {
	r.types = set
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

// Record redacts a record, and writes into it where something was redacted, as "request.header.authorization", "request.path",
// "request.query" or "response.body", and how many values of each class. A body that could not be looked through is named
// "request.body.unsearched". Lengths and hashes are those of what is left; see Response.
func (r *Redactor) Record(record *trafficpb.Record) {
	p := r.passes.Get().(*pass)
	defer p.release()
	call := record.GetOperation() // before it is redacted
	for _, half := range [...]struct {
		name      string
		message   *trafficpb.Message
		truncated trafficpb.Defect
		of        protoreflect.MessageDescriptor
	}{
		{"request", record.GetRequest(), trafficpb.Defect_DEFECT_REQUEST_TRUNCATED, r.types.Request(call)},
		{"response", record.GetResponse(), trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED, r.types.Response(call)},
	} {
		p.of = half.of
		if half.message == nil {
			continue
		}
		redact := p.message
		if record.GetProtocol() == traffic.ProtocolWebSocket {
			redact = p.messages
		}
		names := redact(half.message, slices.Contains(record.GetDefects(), half.truncated))
		for _, name := range names {
			record.Redacted = add(record.Redacted, half.name+"."+name)
		}
		if half.name == "request" && slices.Contains(names, "path") {
			record.Operation = operation(half.message.GetHead())
		}
	}
	slices.SortFunc(p.found, func(a, b *trafficpb.Count) int { return strings.Compare(a.GetName(), b.GetName()) })
	record.Redactions = p.found
}

// Response redacts the response to a call whose operation is that of its record, so that it compares with a recorded one, and tells whether
// there was a secret.
func (r *Redactor) Response(operation string, m *trafficpb.Message, truncated bool) bool {
	p := r.passes.Get().(*pass)
	defer p.release()
	p.of = r.types.Response(operation)
	p.message(m, truncated)
	return len(p.found) > 0
}

func (p *pass) release() {
	p.found, p.made, p.of, p.doc = nil, nil, nil, nil
	p.passes.Put(p)
}

// message redacts a message and returns where. A head tells what the body is; a body without one, of a protocol that is not
// understood, cannot be searched.
func (p *pass) message(m *trafficpb.Message, truncated bool) (names []string) {
	if len(m.GetHead()) == 0 {
		if len(m.GetBody()) > 0 {
			names = add(names, "body.unsearched")
		}
		return names
	}
	m.Head, names = p.head(m.GetHead(), names)
	m.Trailers, names = p.trailers(m.GetTrailers(), names)
	if len(m.GetPieces()) > 0 && isText(m.GetBody(), truncated) && sse.IsStream(string(headerOf(m.GetHead(), "content-type"))) {
		changed, _ := p.parts(m, truncated, func(part traffic.Part) ([]byte, bool) { return p.events(part.Bytes), true })
		if changed {
			names = add(names, "body")
		}
		return names
	}
	p.fixed, p.moved = len(m.GetPieces()) > 0, false // they say where in the body they end
	defer func() { p.fixed = false }()
	was := m.GetBody()
	body, searched := p.body(m.GetHead(), was, truncated)
	if !searched {
		names = add(names, "body.unsearched")
	}
	if !bytes.Equal(body, was) {
		names = add(names, "body")
		p.setBody(m, body, truncated)
	}
	if p.fixed && p.moved {
		movePieces(m, was)
	}
	return names
}

// setBody puts a redacted body in the place of the other. The length and the hash become those of the new one, or else the hash would
// allow to test a guess at what was there. Of a body that was cut both stay those of the whole, the hash being hashed with the key.
func (p *pass) setBody(m *trafficpb.Message, body []byte, truncated bool) {
	length := int64(len(body))
	hash := sha256.Sum256(body)
	if truncated {
		length, hash = m.GetBodyLength(), p.sum(m.GetBodySha256(), 0)
	}
	if length != m.GetBodyLength() {
		m.Head = withLength(m.GetHead(), length)
	}
	m.Body, m.BodyLength, m.BodySha256 = body, length, hash[:]
}

// withLength writes a length into the Content-Length of a head, if it has one.
func withLength(head []byte, length int64) []byte {
	from, to := http1.FieldValue(head, "content-length")
	if from == to {
		return head
	}
	e := edit{src: head}
	e.put(strconv.AppendInt(e.until(from, to), length, 10))
	out, _ := e.result()
	return out
}

// operation is the method and the path of the head of a request.
func operation(head []byte) string {
	first, _, _ := bytes.Cut(head, []byte("\n"))
	method, rest, _ := bytes.Cut(first, []byte(" "))
	target, _, _ := bytes.Cut(rest, []byte(" "))
	path, query, _ := parts(target)
	if path == query {
		return string(method) + " /"
	}
	return string(method) + " " + string(target[path:query])
}
