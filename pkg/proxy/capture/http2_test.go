// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"testing"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/http2"
	"github.com/restage-dev/restage/pkg/proxy/tee"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Where the parts of a stream end takes memory, which counts.
func TestPiecesTakeMemory(t *testing.T) {
	const room = 10
	for kind, part := range map[string]string{"application/grpc": "\x00\x00\x00\x00\x02\x08\x01", "text/event-stream": "data: a\n\n"} {
		budget := tee.NewBudget(room * pieceSize)
		p := &http2Parser{connection: &connection{capture: &Capture{Budget: budget}}}
		head, err := http1.ParseHead([]byte("HTTP/2 200 \r\nContent-Type: " + kind + "\r\nContent-Encoding: identity\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		x := &http2.Exchange{Response: http2.Half{Message: head}}
		x.Response.Parts = p.split(x, head)
		add := func(parts int) (kept int) {
			x.Response.Parts.Add(bytes.Repeat([]byte(part), parts), 1)
			m := &trafficpb.Message{Body: bytes.Repeat([]byte(part), 3*room)}
			addStream(m, &x.Response)
			return len(m.GetPieces())
		}
		if n := add(2 * room); n != room || budget.Used() != room*pieceSize {
			t.Errorf("%s: %d pieces take %d bytes, there is room for %d", kind, n, budget.Used(), room)
		}
		p.release(&x.Held)
		if n := add(room); n != room || budget.Used() != 0 {
			t.Errorf("%s: %d pieces take %d bytes after one was left out", kind, n, budget.Used())
		}
	}
}
