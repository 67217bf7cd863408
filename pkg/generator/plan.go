// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/opaque"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// maxRecords are held in memory at once.
const maxRecords = 1_000_000

// plan is all that will be sent, in the order of the intended starts.
type plan struct {
	requests    []*request
	connections int
	skipped     []skip
	ignore      []compare.Path
	noise       *compare.Noise
	redactor    *redact.Redactor
	types       *descriptor.Set // of the messages of gRPC calls
}

// request is one request to send.
type request struct {
	record     *trafficpb.Record
	key        string
	method     string
	operation  string // of compare.Operation
	target     string // host:port
	offset     time.Duration
	connection int           // index of the recorded connection
	opens      bool          // a WebSocket, whose messages are the next request
	speed      float64       // of what has a timing of its own
	span       time.Duration // that a stream takes, beyond the time that a request has
}

// skip is a record that is not replayed.
type skip struct{ reason, record string }

// load reads the inbound records of the tests; it tries again while the forwarder cannot be reached.
func (r *replay) load(ctx context.Context) (*plan, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var p *plan
	err := retry(ctx, func() (bool, error) {
		// The manifest comes first: it is small, and may fail where records would have been read for nothing.
		redactor, types, err := dial.Redactor(ctx, r.conn, r.settings.Snapshot, r.RedactionKey, r.Log)
		if err != nil {
			r.Log.Warn("reading how the snapshot is redacted failed", "snapshot", r.settings.Snapshot.Name, "err", err)
			return isFinal(err), err
		}
		records, err := r.readRecords(ctx)
		if err != nil {
			r.Log.Warn("reading the snapshot failed", "snapshot", r.settings.Snapshot.Name, "err", err)
			return isFinal(err), err
		}
		if p, err = newPlan(r.settings, records, types); err == nil {
			p.redactor = redactor
		}
		return true, err
	})
	return p, err
}

func (r *replay) readRecords(ctx context.Context) ([]*trafficpb.Record, error) {
	request := &trafficpb.ReadRequest{
		Snapshot:  reference(r.settings.Snapshot),
		Direction: trafficpb.Direction_DIRECTION_INBOUND,
	}
	for _, test := range r.settings.Tests {
		request.Keys = append(request.Keys, test.Key)
	}
	var records []*trafficpb.Record
	err := dial.EachRecord(ctx, r.conn, request, func(record *trafficpb.Record) error {
		if len(records) == maxRecords {
			return status.Errorf(codes.FailedPrecondition, "snapshot %s has more than %d inbound records", r.settings.Snapshot.Name, maxRecords)
		}
		records = append(records, record)
		return nil
	})
	return records, err
}

// isFinal tells of errors that another attempt will not mend. A permission may be missing only as it was granted
// a moment ago.
func isFinal(err error) bool {
	switch status.Code(err) {
	case codes.NotFound, codes.InvalidArgument, codes.FailedPrecondition, codes.Unimplemented:
		return true
	}
	return false
}

func reference(o wiring.Object) *trafficpb.ObjectRef {
	return &trafficpb.ObjectRef{Namespace: o.Namespace, Name: o.Name, Uid: o.UID}
}

// newPlan lays out the records that can be replayed. The first of them starts at 0.
func newPlan(settings *wiring.ReplaySettings, records []*trafficpb.Record, types *descriptor.Set) (*plan, error) {
	ignore, err := parseIgnore(settings.Ignore)
	if err != nil {
		return nil, err
	}
	p := &plan{ignore: ignore, noise: &compare.Noise{}, types: types}
	targets := map[string]string{}
	for _, test := range settings.Tests {
		targets[test.Key] = test.Address
	}
	streams := webSockets(records)
	for _, record := range records {
		key := traffic.SliceKey(record)
		reason := obstacle(record)
		if reason == "" && record.GetProtocol() == traffic.ProtocolWebSocket && !streams.opened(record) {
			reason = "the exchange that opened it cannot be replayed"
		}
		switch {
		case targets[key] == "":
			p.skipped = append(p.skipped, skip{"slice " + key + " is not tested", record.GetId()})
		case reason != "":
			p.skipped = append(p.skipped, skip{reason, record.GetId()})
		default:
			q := newRequest(record, key, targets[key], settings.Speed)
			q.opens = streams.opens(record)
			p.requests = append(p.requests, q)
		}
	}
	p.schedule(settings.Speed)
	if settings.LearnNoise {
		p.learnNoise(settings.Headers)
	}
	return p, nil
}

func newRequest(record *trafficpb.Record, key, to string, speed float64) *request {
	head, err := http1.ParseHead(record.GetRequest().GetHead())
	if err != nil {
		head = &http1.Message{} // obstacle found that it parses
	}
	method, target := head.Method, head.Target
	if record.GetProtocol() == traffic.ProtocolWebSocket { // which has that of what opened it
		method, target, _ = strings.Cut(record.GetOperation(), " ")
	}
	q := &request{record: record, key: key, target: to, method: method, operation: compare.Operation(method, target), speed: speed}
	if record.GetProtocol() == traffic.ProtocolOpaque {
		q.operation = traffic.ProtocolOpaque // there is no other name for it
	}
	if len(record.GetResponse().GetPieces())+len(record.GetRequest().GetPieces()) > 0 {
		end := max(traffic.End(record), record.GetRequest().GetLastByte()) // of an unknown protocol the client may have the last word
		q.span = time.Duration(float64(max(end-cmp.Or(start(q), traffic.Start(record)), 0)) / speed)
	}
	return q
}

// schedule sets the intended starts and sorts by them; on one connection no request starts before the one before it.
func (p *plan) schedule(speed float64) {
	if len(p.requests) == 0 {
		return
	}
	slices.SortStableFunc(p.requests, func(a, b *request) int {
		return cmp.Or(cmp.Compare(a.record.GetConnection(), b.record.GetConnection()), cmp.Compare(a.record.GetOrdinal(), b.record.GetOrdinal()))
	})
	first := slices.MinFunc(p.requests, func(a, b *request) int { return cmp.Compare(start(a), start(b)) })
	for i, q := range p.requests {
		q.offset = time.Duration(float64(start(q)-start(first)) / speed)
		if i > 0 && p.requests[i-1].record.GetConnection() == q.record.GetConnection() {
			q.offset = max(q.offset, p.requests[i-1].offset)
		} else {
			p.connections++
		}
		q.connection = p.connections - 1
	}
	slices.SortStableFunc(p.requests, func(a, b *request) int { return cmp.Compare(a.offset, b.offset) })
}

// start is when a request began in the recording: the first byte of it, or of a workload that spoke first.
func start(q *request) int64 {
	if q.record.GetProtocol() == traffic.ProtocolOpaque && opaque.ServerFirst(q.record) {
		return q.record.GetResponse().GetFirstByte()
	}
	return q.record.GetRequest().GetFirstByte()
}

// learnNoise compares the recorded answers to the same request with the first of them.
func (p *plan) learnNoise(headers []string) {
	type same struct {
		key, method, target string
		body                string
		status              uint32
	}
	firsts := map[same]*trafficpb.Record{}
	for _, q := range p.requests {
		if unanswered(q.record) || isStream(q.record) {
			continue
		}
		head, err := http1.ParseHead(q.record.GetRequest().GetHead())
		if err != nil {
			continue
		}
		at := same{q.key, q.method, head.Target, string(q.record.GetRequest().GetBodySha256()), q.record.GetStatus()}
		one, ok := firsts[at]
		if !ok {
			firsts[at] = q.record
			continue
		}
		p.noise.Learn(q.operation, p.types.Response(q.record.GetOperation()), headers, recordedResponse(one), recordedResponse(q.record),
			compare.Identity{Recorded: one.GetPod(), Replayed: []string{q.record.GetPod()}})
	}
}

// targets lists where the requests go.
func (p *plan) targets() []string {
	var all []string
	for _, q := range p.requests {
		if !slices.Contains(all, q.target) {
			all = append(all, q.target)
		}
	}
	return all
}
