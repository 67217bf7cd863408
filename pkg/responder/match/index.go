// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"math"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Tier says how a call was matched.
type Tier string

// Tiers of matches.
const (
	Exact    Tier = "Exact"    // the signature is equal
	Denoised Tier = "Denoised" // the signature without volatile fields is equal
	Missed   Tier = "Missed"   // the recording does not hold the call
)

// Match is a claimed record.
type Match struct {
	Number int // of the record, in Records
	Record *trafficpb.Record
	Tier   Tier
}

// Index finds recorded calls. It may be used by several goroutines.
type Index struct {
	records      []*trafficpb.Record
	sequences    *sequences
	volatile     map[Key]fieldSet // by operation
	destinations map[string]*destination
	unplayable   map[Key]uint32 // signatures of records that cannot be played, to one of them
	reasons      map[uint32]string
	followers    map[uint32]uint32 // records of exchanges that changed the protocol, to those of what followed
	playable     int
	redactor     *redact.Redactor // nil redacts nothing
	types        *descriptor.Set  // of the messages of gRPC calls, for explanations
	openings     map[Key][]int    // by the operation of calls that are answered before they are whole: see Openings
	// digestFrom is the least length of a recorded body that is known by its digest.
	digestFrom int64

	used     []atomic.Bool // by number of record
	consumed atomic.Int64
	requests sync.Pool // of *canonical
}

// Build makes the index of outbound records, which are in the order of the start of their requests. The records are
// kept, not copied.
func Build(records []*trafficpb.Record) *Index { return BuildRedacted(records, nil) }

// BuildRedacted makes an index whose requests, recorded or not, are redacted before they are compared. The redactor must be
// one for matching: what was redacted when it was recorded stays as it is, and a call that has the secret itself is found as well.
func BuildRedacted(records []*trafficpb.Record, redactor *redact.Redactor) *Index {
	b := newBuilder(records)
	b.index.redactor = redactor
	b.rememberFollowers()
	// Which fields are volatile is known only when all records were seen, so that they are read twice.
	for i := range records {
		b.learn(i)
	}
	b.index.volatile = b.learner.volatile()
	b.learner = nil
	for i := range records {
		b.add(uint32(i))
	}
	return b.finish()
}

// WithTypes returns the index, whose explanations have the names that the types of gRPC messages give to their fields.
func (x *Index) WithTypes(types *descriptor.Set) *Index {
	x.types = types
	return x
}

// Claim takes the record that answers a request, which it redacts; false is a miss.
func (x *Index) Claim(q *Request) (Match, bool) {
	x.redact(q)
	c := x.requests.Get().(*canonical)
	defer x.release(c)
	c.read(q)
	if m, ok := x.claim(c.exact(), q.Trace, Exact); ok {
		return m, true
	}
	volatile := x.volatileOf(c)
	if m, ok := x.claimDenoised(c, volatile); ok {
		return m, true
	}
	if c.body == bodyDigest || q.BodyLength < x.digestFrom {
		return Match{}, false
	}
	// The recorder may have kept less of the body than there is of it here.
	c.body = bodyDigest
	if m, ok := x.claimDigest(c, volatile); ok || x.redactor == nil {
		return m, ok
	}
	q.BodySHA256 = x.redactor.KeyedHash(q.BodySHA256) // as it is recorded when there were secrets in what was kept
	return x.claimDigest(c, volatile)
}

func (x *Index) claimDigest(c *canonical, volatile fieldSet) (Match, bool) {
	if m, ok := x.claim(c.exact(), c.q.Trace, Exact); ok {
		return m, true
	}
	return x.claimDenoised(c, volatile)
}

// redact takes the secrets out of a request, live or recorded.
func (x *Index) redact(q *Request) {
	if x.redactor == nil {
		return
	}
	part := redact.Request{
		Path: q.Path, Query: q.Query, ContentType: q.ContentType, ContentEncoding: q.ContentEncoding, MessageEncoding: q.MessageEncoding,
		Body: q.Body, Truncated: q.Truncated,
	}
	x.redactor.Request(&part)
	q.Path, q.Query, q.ContentEncoding, q.Body = part.Path, part.Query, part.ContentEncoding, part.Body
}

// request takes the request of a record as Claim takes one.
func (x *Index) request(r *trafficpb.Record) (*Request, error) {
	q, err := FromRecord(r)
	if err == nil {
		x.redact(q)
	}
	return q, err
}

func (x *Index) claimDenoised(c *canonical, volatile fieldSet) (Match, bool) {
	if len(volatile) == 0 {
		return Match{}, false
	}
	return x.claim(c.denoised(volatile), c.q.Trace, Denoised)
}

func (x *Index) volatileOf(c *canonical) fieldSet {
	if len(x.volatile) == 0 {
		return nil
	}
	return x.volatile[c.operation()]
}

func (x *Index) claim(key Key, trace string, tier Tier) (Match, bool) {
	number, ok := x.sequences.claim(key, trace)
	if !ok {
		return Match{}, false
	}
	x.use(number)
	return Match{Number: int(number), Record: x.records[number], Tier: tier}, true
}

// use notes that a record answers a call. It is false when one did before.
func (x *Index) use(number uint32) bool {
	used := &x.used[number]
	if used.Load() || !used.CompareAndSwap(false, true) {
		return false
	}
	x.consumed.Add(1)
	return true
}

// unuse takes back a use.
func (x *Index) unuse(number uint32) {
	if x.used[number].CompareAndSwap(true, false) {
		x.consumed.Add(-1)
	}
}

// mostKept bounds the buffers that a canonical keeps for its next use, in bytes.
const mostKept = 256 << 10

func (x *Index) release(c *canonical) {
	if cap(c.out) > mostKept || cap(c.doc.nodes) > mostKept/64 || cap(c.form) > mostKept/32 {
		*c = canonical{}
	}
	c.q = nil
	x.requests.Put(c)
}

// Records are those that the index was built from, playable or not.
func (x *Index) Records() []*trafficpb.Record { return x.records }

// Unused counts the playable records that no claim has taken.
func (x *Index) Unused() int { return x.playable - int(x.consumed.Load()) }

// Unplayable counts the records that cannot answer a call.
func (x *Index) Unplayable() int { return len(x.records) - x.playable }

// Ports are those on which each host of the records that is a name, not an address, was called, in order.
func (x *Index) Ports() map[string][]uint16 {
	ports := map[string][]uint16{}
	for _, r := range x.records {
		host, port := HostName(r.GetHost()), uint16(r.GetPort())
		if _, err := netip.ParseAddr(host); err != nil && host != "" && !slices.Contains(ports[host], port) {
			ports[host] = append(ports[host], port)
		}
	}
	for _, list := range ports {
		slices.Sort(list)
	}
	return ports
}

// builder makes an Index.
type builder struct {
	index     *Index
	c         canonical
	learner   *learner
	entries   []entry
	followers map[place]uint32
}

func newBuilder(records []*trafficpb.Record) *builder {
	x := &Index{
		records: records, destinations: map[string]*destination{}, unplayable: map[Key]uint32{}, reasons: map[uint32]string{}, followers: map[uint32]uint32{},
		openings: map[Key][]int{},
		used:     make([]atomic.Bool, len(records)), digestFrom: math.MaxInt64,
	}
	x.requests.New = func() any { return new(canonical) }
	return &builder{index: x, learner: &learner{operations: map[Key]*operationFields{}}}
}

func (b *builder) learn(i int) {
	r := b.index.records[i]
	if !isHTTP(r.GetProtocol()) {
		return
	}
	if q, err := b.index.request(r); err == nil {
		b.c.read(q)
		b.learner.add(&b.c, time.Unix(0, r.GetRequest().GetFirstByte()))
	}
}

// add takes one record into the index.
func (b *builder) add(number uint32) {
	r := b.index.records[number]
	reason := unplayable(r)
	switch {
	case r.GetProtocol() == traffic.ProtocolWebSocket: // played with the exchange that opened it
	case isHTTP(r.GetProtocol()):
		if reason == "" && r.GetStatus() == http.StatusSwitchingProtocols {
			reason = b.linkFollower(number, r)
		}
		reason = b.addHTTP(number, r, reason)
	default:
		b.addOpaque(number, r, reason)
	}
	if reason == "" {
		b.index.playable++
	} else {
		b.index.reasons[number] = reason
	}
}

func (b *builder) addHTTP(number uint32, r *trafficpb.Record, reason string) string {
	q, err := b.index.request(r)
	if err != nil {
		return "its request was not understood"
	}
	b.destination(q.Key()).clientFirst = true
	b.c.read(q)
	if b.c.body == bodyDigest {
		b.index.digestFrom = min(b.index.digestFrom, q.BodyLength)
	}
	for _, key := range b.index.keys(&b.c) {
		if reason != "" {
			b.index.unplayable[key] = number
		} else {
			b.entries = append(b.entries, entry{key, number})
		}
	}
	if reason == "" {
		b.addOpening(number, r, q)
	}
	return reason
}

// keys are those of the signatures under which a record is found.
func (x *Index) keys(c *canonical) []Key {
	keys := []Key{c.exact()}
	if volatile := x.volatileOf(c); len(volatile) > 0 {
		keys = append(keys, c.denoised(volatile))
	}
	return keys
}

func (b *builder) finish() *Index {
	b.index.sequences = newSequences(b.entries, func(number uint32) string { return b.index.records[number].GetTraceId() })
	b.index.orderScripts()
	return b.index
}
