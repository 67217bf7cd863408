// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"io"

	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// pieceSize is about what a Piece takes in memory, in bytes.
const pieceSize = 64

// roomForPieces tells of each piece that is to be kept whether there is memory for it. Once there was none there is none for later ones, so that
// none is missing between others.
func roomForPieces(reserve func(int64) bool) func() bool {
	full := false
	return func() bool {
		full = full || !reserve(pieceSize)
		return !full
	}
}

// describeEnd says in the record of a connection that is one stream how it ended: what failed, what is missing, and who ended it.
func (c *connection) describeEnd(r *trafficpb.Record, sent, received error) {
	var f *failure
	switch {
	case errors.As(received, &f):
		r.Failure = f.text
	case errors.Is(received, tee.ErrReset):
		r.Failure = "reset"
	case errors.Is(sent, tee.ErrAborted) && errors.Is(received, tee.ErrAborted):
		addDefect(r, trafficpb.Defect_DEFECT_CUT_OFF)
	default:
		r.EndedBy = c.endedBy(sent, received)
	}
	for _, err := range []error{sent, received} {
		if errors.Is(err, tee.ErrOverflow) {
			addDefect(r, trafficpb.Defect_DEFECT_TEE_OVERFLOW)
			c.giveUp(c.requests, lossReason(err))
		}
	}
}

// endedBy names who was the first to say that it sends nothing more.
func (c *connection) endedBy(sent, received error) string {
	clientLeft, serverLeft := c.requests.Stream().Ended(), c.responses.Stream().Ended()
	switch {
	case left(sent) && (serverLeft == 0 || clientLeft <= serverLeft):
		return traffic.EndedByClient
	case left(received):
		return traffic.EndedByServer
	}
	return ""
}

func left(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, tee.ErrReset)
}
