// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"sync"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/http2"
)

// parser reads the copies of both directions of a connection and submits records of what they carry. A fault in it costs
// records, and the connection goes on.
type parser interface {
	// requests reads what the client sent, and responses what the server sent. They run side by side, and each returns at the
	// end of its direction, or where another protocol begins in it.
	requests()
	responses()
	// finish is called when both have returned. It returns the parser of what follows on the connection, nil when nothing does.
	finish() parser
}

// protocol is one that a connection can begin with.
type protocol struct {
	name string // in the metrics
	// detect tells whether the first bytes of a client begin it.
	detect func(first []byte) http1.Verdict
	parser func(*connection) parser
	// serverFirst tells that servers may speak before the client has.
	serverFirst bool
}

// protocols are asked in their order. The last is that of what is none of the others.
var protocols = [...]protocol{
	{name: "http2", detect: http2.Detect, parser: newHTTP2Parser, serverFirst: true},
	{name: "http1", detect: http1.Detect, parser: newHTTP1Parser},
	{name: "opaque", parser: newOpaqueParser, serverFirst: true},
}

const unknownProtocol = len(protocols) - 1

// detector is the first parser of a connection: it finds out the protocol and leaves the rest to the parser of that.
type detector struct {
	*connection
	once    sync.Once
	decided chan struct{}
	parser  parser // set before decided is closed
}

func newDetector(c *connection) *detector {
	return &detector{connection: c, decided: make(chan struct{})}
}

func (d *detector) requests() {
	defer d.decide(unknownProtocol) // if detecting fails, nobody waits for it
	d.detect()
	d.parser.requests()
}

func (d *detector) responses() {
	if _, err := d.connection.responses.Peek(1); err == nil && d.serverBegan() && !d.beginsHTTP2() {
		d.decide(unknownProtocol)
	}
	<-d.decided
	d.parser.responses()
}

// serverBegan tells whether the server has spoken before the client did.
func (d *detector) serverBegan() bool {
	client, server := d.connection.requests.Stream().Began(), d.connection.responses.Stream().Began()
	return server != 0 && (client == 0 || server < client)
}

// beginsHTTP2 tells whether what the server sent begins with settings of HTTP/2.
func (d *detector) beginsHTTP2() bool {
	r := d.connection.responses
	first, _ := r.Peek(r.Buffered()) // cannot fail
	return http2.IsServerPreface(first)
}

func (d *detector) finish() parser { return d.parser.finish() }

// detect looks at the first bytes of the client.
func (d *detector) detect() {
	r := d.connection.requests
	for n := 1; ; n = r.Buffered() + 1 {
		_, err := r.Peek(n)
		first, _ := r.Peek(r.Buffered()) // cannot fail
		if i, certain := protocolOf(first); certain || err != nil {
			if !protocols[i].serverFirst && d.serverBegan() {
				i = unknownProtocol
			}
			d.decide(i)
			return
		}
	}
}

// protocolOf tells which of the protocols begins with these bytes. It is not certain when more bytes are needed.
func protocolOf(first []byte) (index int, certain bool) {
	certain = true
	for i, p := range protocols[:unknownProtocol] {
		switch p.detect(first) {
		case http1.Yes:
			return i, true
		case http1.Undecided:
			certain = false
		}
	}
	return unknownProtocol, certain
}

// decide settles the protocol; the first word counts.
func (d *detector) decide(index int) {
	d.once.Do(func() {
		d.capture.addParsed(protocols[index].name)
		d.parser = protocols[index].parser(d.connection)
		close(d.decided)
	})
}
