// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package ingest

import "github.com/restage-dev/restage/pkg/traffic/trafficpb"

// order is how far each process has come on one stream.
type order map[string]reached

// reached are the sequences of the last record and the last loss.
type reached struct{ record, loss uint64 }

// check refuses a request that goes back, or not on, in the sequences of its process.
func (o order) check(request *trafficpb.PushRequest) error {
	at := o[request.GetProxyInstance()]
	for n, record := range request.GetRecords() {
		if record.GetSequence() <= at.record {
			return invalid("records[%d].sequence: %d does not come after %d", n, record.GetSequence(), at.record)
		}
		at.record = record.GetSequence()
	}
	if losses := uint64(len(request.GetLosses())); losses > 0 {
		if first := request.GetLossSequence(); first <= at.loss {
			return invalid("lossSequence: %d does not come after %d", first, at.loss)
		}
		at.loss = request.GetLossSequence() + losses - 1
	}
	o[request.GetProxyInstance()] = at
	return nil
}
