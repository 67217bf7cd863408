// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"cmp"
	"fmt"
	"time"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// judge compares results with the recording and adds them to the report.
type judge struct {
	comparer compare.Comparer
	redactor *redact.Redactor // nil redacts nothing
	types    *descriptor.Set  // of the messages of gRPC calls, nil when nothing is known of them
	builder  *report.Builder
	env      *environment // nil without one
}

func (j *judge) add(r result) {
	record := r.record
	x := &report.Exchange{
		Record: record.GetId(), Key: r.key, Operation: r.operation, RecordedOperation: cmp.Or(record.GetOperation(), r.operation), Method: r.method,
		ReplayedFailure: r.failure,
		Replayed:        r.latency, Released: r.released, Sent: r.sent,
	}
	if unanswered(record) {
		x.RecordedFailure = record.GetFailure()
	} else {
		x.RecordedStatus = recordedResponse(record).Status
		x.Recorded = time.Duration(max(record.GetResponse().GetLastByte()-start(r.request), 0)) // there may be a request alone
	}
	if r.response != nil {
		x.ReplayedStatus = r.response.Status
	}
	if r.response != nil && !unanswered(record) {
		id := compare.Identity{Recorded: record.GetPod()}
		if j.env != nil {
			id.Replayed = j.env.pods()
		}
		call := record.GetOperation()
		x.Result = j.comparer.Compare(r.operation, j.types.Response(call), j.redacted(call, recordedResponse(record)), j.redacted(call, r.response), id)
	}
	j.builder.Add(x)
}

// redacted returns a response to a call, which is named as in its record, without its secrets, which the recording has tokens for.
func (j *judge) redacted(call string, m *http1.Message) *http1.Message {
	if j.redactor == nil {
		return m
	}
	message := &trafficpb.Message{Head: m.Head, Body: m.Body, BodyLength: m.BodyLength, BodySha256: m.BodySHA256}
	for _, f := range m.Trailers {
		message.Trailers = fmt.Appendf(message.Trailers, "%s: %s\r\n", f.Name, f.Value)
	}
	if !j.redactor.Response(call, message, m.Truncated) {
		return m
	}
	out, err := http1.ParseHead(message.GetHead())
	if err != nil {
		return m // cannot be: it was a head before
	}
	out.Trailers, _ = http1.ParseFields(message.GetTrailers()) // neither can these be others than before
	out.Body, out.BodyLength, out.BodySHA256, out.Truncated = message.GetBody(), message.GetBodyLength(), message.GetBodySha256(), m.Truncated
	return out
}
