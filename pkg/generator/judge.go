// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"time"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/report"
)

// judge compares results with the recording and adds them to the report.
type judge struct {
	comparer compare.Comparer
	builder  *report.Builder
	env      *environment // nil without one
}

func (j *judge) add(r result) {
	record := r.record
	x := &report.Exchange{
		Record: record.GetId(), Key: r.key, Operation: r.operation, RecordedOperation: record.GetOperation(), Method: r.method,
		ReplayedFailure: r.failure,
		Replayed:        r.latency, Released: r.released, Sent: r.sent,
	}
	if unanswered(record) {
		x.RecordedFailure = record.GetFailure()
	} else {
		x.RecordedStatus = int(record.GetStatus())
		x.Recorded = time.Duration(record.GetResponse().GetLastByte() - record.GetRequest().GetFirstByte())
	}
	if r.response != nil {
		x.ReplayedStatus = r.response.Status
	}
	if r.response != nil && !unanswered(record) {
		id := compare.Identity{Recorded: record.GetPod()}
		if j.env != nil {
			id.Replayed = j.env.pods()
		}
		x.Result = j.comparer.Compare(r.operation, recordedResponse(record), r.response, id)
	}
	j.builder.Add(x)
}
