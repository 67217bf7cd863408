// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package compare finds what differs between a recorded and a replayed HTTP response: the status, chosen headers,
// and the body, structurally when it is JSON. Fields that ignore rules name, fields that differed among the recorded
// answers to the same request, and the names of the pods that answered are left out.
package compare

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/restage-dev/restage/pkg/protocol/grpc"
	"github.com/restage-dev/restage/pkg/protocol/http1"
)

const (
	// maxDifferences are listed for one response; more are counted.
	maxDifferences = 20
	// maxValue is the number of bytes of a value that a difference shows.
	maxValue = 1024
)

// Kind says how two responses differ.
type Kind string

// Kinds of differences.
const (
	KindStatus  Kind = "status"
	KindHeader  Kind = "header"
	KindBody    Kind = "body"    // a value of a JSON body, or a body that is not JSON
	KindMissing Kind = "missing" // in the recording only
	KindExtra   Kind = "extra"   // in the replay only
	KindType    Kind = "type"    // values of different JSON types
	KindFailure Kind = "failure" // one has a response, the other has none
)

// Difference is one place in which two responses differ. Values are cut at 1 KiB.
type Difference struct {
	// Field is a JSON path, header.<Name>, status, grpc-status, body (a whole body that is not JSON) or response.
	Field string `json:"field"`
	Kind  Kind   `json:"kind"`
	// Recorded and Replayed are JSON when the field is a JSON path, else plain text.
	Recorded string `json:"recorded,omitempty"`
	Replayed string `json:"replayed,omitempty"`
}

// NewDifference cuts the values.
func NewDifference(field string, kind Kind, recorded, replayed string) Difference {
	return Difference{Field: field, Kind: kind, Recorded: cut(recorded), Replayed: cut(replayed)}
}

// Comparer compares responses. It may be used by several goroutines at once.
type Comparer struct {
	// Headers are the names of the headers that are compared.
	Headers []string
	// Ignore are places of JSON bodies that are not compared.
	Ignore []Path
	// Noise may be nil.
	Noise *Noise
}

// Result is what differs between two responses, in the order status, headers, body.
type Result struct {
	Differences []Difference
	// LeftOut is the number of differences beyond the 20 that are listed.
	LeftOut int
}

// Compare compares a replayed response with the recorded one. The operation is that of Operation; of is the type of the messages of a gRPC
// call, nil when it is not known.
func (c *Comparer) Compare(operation string, of protoreflect.MessageDescriptor, recorded, replayed *http1.Message, id Identity) Result {
	var result Result
	c.each(of, recorded, replayed, id, func(d found) {
		if c.Noise.covers(operation, d) || c.ignores(d) {
			return
		}
		if len(result.Differences) == maxDifferences {
			result.LeftOut++
			return
		}
		result.Differences = append(result.Differences, NewDifference(d.field(false), d.kind, d.recorded(), d.replayed()))
	})
	return result
}

func (c *Comparer) ignores(d found) bool {
	if d.name != "" {
		return false
	}
	for _, path := range c.Ignore {
		if path.covers(d.at) {
			return true
		}
	}
	return false
}

// found is a difference before it is known whether it counts. It is valid only while it is handed over.
type found struct {
	name     string // "" in JSON
	at       place  // in JSON
	kind     Kind
	old, new any // text, or a JSON value
}

func (d found) field(general bool) string {
	if d.name != "" {
		return d.name
	}
	return d.at.format(general)
}

func (d found) recorded() string { return d.show(d.old, KindExtra) }
func (d found) replayed() string { return d.show(d.new, KindMissing) }

// show writes a value, or nothing where the kind says that there is none.
func (d found) show(value any, absent Kind) string {
	if d.kind == absent {
		return ""
	}
	if s, ok := value.(string); ok && d.name != "" {
		return s
	}
	return text(value)
}

func (c *Comparer) each(of protoreflect.MessageDescriptor, recorded, replayed *http1.Message, id Identity, report func(found)) {
	if recorded.Status != replayed.Status {
		report(found{name: "status", kind: KindStatus, old: strconv.Itoa(recorded.Status), new: strconv.Itoa(replayed.Status)})
	}
	if grpc.Is(recorded) {
		if x, y := grpc.Status(recorded), grpc.Status(replayed); x != y {
			report(found{name: "grpc-status", kind: KindStatus, old: x.String(), new: y.String()})
		}
	}
	for _, name := range c.Headers {
		x, y := values(recorded, name), values(replayed, name)
		if !id.same(x, y) {
			report(found{name: "header." + http.CanonicalHeaderKey(name), kind: KindHeader, old: x, new: y})
		}
	}
	c.bodies(of, recorded, replayed, id, report)
}

// values joins the values of a header, or of a trailer of that name, as a list header may be sent in one line or in several.
func values(m *http1.Message, name string) string {
	var all []string
	for _, fields := range [][]http1.Header{m.Headers, m.Trailers} {
		for _, h := range fields {
			if strings.EqualFold(h.Name, name) {
				all = append(all, h.Value)
			}
		}
	}
	return strings.Join(all, ", ")
}

func (c *Comparer) bodies(of protoreflect.MessageDescriptor, recorded, replayed *http1.Message, id Identity, report func(found)) {
	if recorded.BodyLength == replayed.BodyLength && bytes.Equal(recorded.BodySHA256, replayed.BodySHA256) &&
		recorded.Get("Content-Encoding") == replayed.Get("Content-Encoding") {
		return
	}
	a, b := decoded(recorded), decoded(replayed)
	if replayed.Truncated || recorded.Truncated {
		report(found{name: "body", kind: KindBody, old: describe(a, recorded), new: describe(b, replayed)})
		return
	}
	if x, y, ok := documents(of, recorded, replayed, a, b); ok {
		w := walk{identity: id, found: func(at place, kind Kind, old, new any) {
			report(found{at: at, kind: kind, old: old, new: new})
		}}
		w.values(x, y)
		return
	}
	if !bytes.Equal(a, b) && !id.same(string(a), string(b)) {
		report(found{name: "body", kind: KindBody, old: describe(a, recorded), new: describe(b, replayed)})
	}
}

// describe shows a body that is text, and the length and hash of another.
func describe(body []byte, m *http1.Message) string {
	if utf8.Valid(body) && !m.Truncated && !bytes.ContainsRune(body, 0) {
		return string(body)
	}
	return fmt.Sprintf("%d bytes, sha256 %x", m.BodyLength, m.BodySHA256)
}

// cut shortens a value to maxValue bytes, at the end of a character.
func cut(s string) string {
	if len(s) <= maxValue {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(s[:maxValue-len("…")], "") + "…"
}
