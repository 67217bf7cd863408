// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"github.com/restage-dev/restage/pkg/protocol/sse"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// eventCounter counts the server-sent events of a stream that the recorded client left: it is left again once as many have come.
type eventCounter struct {
	splitter     sse.Splitter
	wanted, seen int // wanted is 0 for any other response
}

func newEventCounter(r *trafficpb.Record) *eventCounter {
	c := &eventCounter{}
	if r.GetEndedBy() == traffic.EndedByClient {
		c.wanted = len(r.GetResponse().GetPieces())
	}
	return c
}

// add takes the next bytes of the body.
func (c *eventCounter) add(part []byte) { c.splitter.Feed(part, func(int64) { c.seen++ }) }

func (c *eventCounter) enough() bool { return c.wanted > 0 && c.seen >= c.wanted }
