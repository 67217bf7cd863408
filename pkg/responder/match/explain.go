// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// mostOperations of one destination are remembered for explanations.
	mostOperations = 4096
	// mostExamples of one operation are compared with a missed call.
	mostExamples = 16
)

// Explainer says why calls were missed. It is made for one goroutine, apart from those that answer calls.
type Explainer struct {
	index        *Index
	destinations map[string][]operationExamples // by destination, made at the first use
	opaque       map[string]opaqueExamples      // by destination
	asked, held  canonical
}

// operationExamples are records of one method and path.
type operationExamples struct {
	name    string // "GET /orders/7"
	records []uint32
}

// opaqueExamples are the connections to one destination that are not HTTP.
type opaqueExamples struct {
	connections int
	reason      string // why one of them cannot be played, "" when all can
}

// NewExplainer explains misses of an index.
func NewExplainer(x *Index) *Explainer { return &Explainer{index: x} }

// Explain says why the request was missed: what was recorded that is like it, and where it differs.
func (e *Explainer) Explain(q *Request) string {
	if e.destinations == nil {
		e.remember()
	}
	e.asked.read(q)
	for _, key := range e.index.keys(&e.asked) {
		if number, ok := e.index.unplayable[key]; ok {
			return fmt.Sprintf("it was recorded (%s), but %s", e.index.records[number].GetId(), e.index.reasons[number])
		}
	}
	operations := e.destinations[q.Key()]
	if len(operations) == 0 {
		return e.explainDestination(q)
	}
	i := slices.IndexFunc(operations, func(o operationExamples) bool { return o.name == q.Operation() })
	if i < 0 {
		return fmt.Sprintf("no %s to %s was recorded; the nearest is %s", q.Operation(), q.Key(), nearest(q.Operation(), operations))
	}
	return e.explainDifference(operations[i].records)
}

// ExplainOpaque says what was recorded of the destination of a connection that was missed, whose client sent something that is
// not HTTP.
func (e *Explainer) ExplainOpaque(host string, port uint32, sent int) string {
	if e.destinations == nil {
		e.remember()
	}
	key := Destination(host, port)
	switch o := e.opaque[key]; {
	case o.connections == 0:
		return fmt.Sprintf("no connection to %s that is not HTTP was recorded", key)
	case o.reason != "":
		return fmt.Sprintf("of %d recorded connections to %s some cannot be played: %s", o.connections, key, o.reason)
	default:
		return fmt.Sprintf("none of %d recorded connections to %s goes on like this after %d bytes of the client", o.connections, key, sent)
	}
}

func (e *Explainer) remember() {
	e.destinations = map[string][]operationExamples{}
	e.opaque = map[string]opaqueExamples{}
	places := map[string]int{} // of destination and operation
	for number, r := range e.index.records {
		if isHTTP(r.GetProtocol()) {
			e.rememberHTTP(uint32(number), r, places)
			continue
		}
		if r.GetOrdinal() > 0 {
			continue // it followed an exchange of another protocol, and is played with that
		}
		key := Destination(HostName(r.GetHost()), r.GetPort())
		o := e.opaque[key]
		o.connections++
		if reason := e.index.reasons[uint32(number)]; reason != "" {
			o.reason = reason
		}
		e.opaque[key] = o
	}
}

func (e *Explainer) rememberHTTP(number uint32, r *trafficpb.Record, places map[string]int) {
	q, err := e.index.request(r)
	if err != nil {
		return
	}
	key, name := q.Key(), q.Operation()
	at, ok := places[key+" "+name]
	if !ok {
		at = len(e.destinations[key])
		if at == mostOperations {
			return
		}
		places[key+" "+name] = at
		e.destinations[key] = append(e.destinations[key], operationExamples{name: name})
	}
	if o := &e.destinations[key][at]; len(o.records) < mostExamples {
		o.records = append(o.records, number)
	}
}

func (e *Explainer) explainDestination(q *Request) string {
	var others []string
	for key := range e.destinations {
		if host, _, err := net.SplitHostPort(key); err == nil && host == q.Host {
			others = append(others, key)
		}
	}
	if len(others) > 0 {
		slices.Sort(others)
		return fmt.Sprintf("no HTTP call to %s was recorded; calls to %s were", q.Key(), strings.Join(others, ", "))
	}
	return fmt.Sprintf("no HTTP call to %s was recorded", q.Key())
}

// explainDifference compares the call with recorded ones of its operation and names the least difference.
func (e *Explainer) explainDifference(examples []uint32) string {
	var least []string
	var record *trafficpb.Record
	for _, number := range examples {
		q, err := e.index.request(e.index.records[number])
		if err != nil {
			continue
		}
		e.held.read(q)
		if found := differences(&e.asked, &e.held, e.index.types.Request(q.Path)); record == nil || len(found) < len(least) {
			least, record = found, e.index.records[number]
		}
	}
	if record == nil {
		return "nothing readable of its operation was recorded"
	}
	const most = 5
	more := ""
	if len(least) > most {
		more = fmt.Sprintf(" and %d more", len(least)-most)
		least = least[:most]
	}
	return fmt.Sprintf("the nearest recorded call is %s; different are %s%s", record.GetId(), strings.Join(least, ", "), more)
}

// nearest is the operation with the same method, if there is one, that has the longest beginning in common.
func nearest(name string, operations []operationExamples) string {
	method, path, _ := strings.Cut(name, " ")
	best, most := "", -1
	for _, o := range operations {
		otherMethod, otherPath, _ := strings.Cut(o.name, " ")
		score := 2 * commonPrefix(path, otherPath)
		if method == otherMethod {
			score++
		}
		if score > most {
			best, most = o.name, score
		}
	}
	return best
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
