// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/journal"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Captures is the service of that name.
type Captures struct {
	trafficpb.UnimplementedCapturesServer
	journal *journal.Journal
	guard   *auth.Guard
}

// NewCaptures returns the service.
func NewCaptures(j *journal.Journal, guard *auth.Guard) *Captures {
	return &Captures{journal: j, guard: guard}
}

// Stats counts all that was taken of a workload, whether it is still kept or not, and says how fast more comes and how much is kept.
func (c *Captures) Stats(ctx context.Context, request *trafficpb.StatsRequest) (*trafficpb.StatsResponse, error) {
	if err := auth.ValidNamespace("namespace", request.GetNamespace()); err != nil {
		return nil, err
	}
	if err := auth.ValidName("workload", request.GetWorkload()); err != nil {
		return nil, err
	}
	if err := c.guard.Check(ctx, auth.Access{Verb: "get", Resource: "trafficcaptures", Namespace: request.GetNamespace()}); err != nil {
		return nil, err
	}
	workload := journal.Workload{Namespace: request.GetNamespace(), Name: request.GetWorkload()}
	totals := c.journal.Totals(workload)
	response := &trafficpb.StatsResponse{
		Records: totals.Records, Incomplete: totals.Incomplete, Dropped: totals.Dropped, LastRecord: totals.LastRecord,
		LeftOut: totals.LeftOut.Counts(), Redacted: totals.Redacted.Counts(),
		RecordsPerSecond: c.journal.Rate(workload), StoredBytes: c.journal.Stored(workload),
	}
	for _, u := range totals.Untouched {
		response.Untouched = append(response.Untouched, &trafficpb.Untouched{Key: u.Key, Reason: u.Reason, Count: u.Count, Last: u.Last})
	}
	return response, nil
}
