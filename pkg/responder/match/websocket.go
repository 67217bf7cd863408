// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/restage-dev/restage/pkg/protocol/opaque"
	"github.com/restage-dev/restage/pkg/protocol/websocket"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// place is where an exchange is on a connection.
type place struct {
	connection string
	ordinal    uint64
}

// rememberFollowers finds the records of what followed another protocol on its connection.
func (b *builder) rememberFollowers() {
	b.followers = map[place]uint32{}
	for i, r := range b.index.records {
		if r.GetOrdinal() > 0 && (r.GetProtocol() == traffic.ProtocolWebSocket || r.GetProtocol() == traffic.ProtocolOpaque) {
			b.followers[place{r.GetConnection(), r.GetOrdinal()}] = uint32(i)
		}
	}
}

// linkFollower finds what followed an exchange that changed the protocol. The reason says why it cannot be played.
func (b *builder) linkFollower(number uint32, r *trafficpb.Record) (reason string) {
	follower, ok := b.followers[place{r.GetConnection(), r.GetOrdinal() + 1}]
	if !ok {
		return "it changes the protocol of the connection, and what followed was not recorded"
	}
	if reason := unplayable(b.index.records[follower]); reason != "" {
		return "it changes the protocol of the connection, and of what followed is known: " + reason
	}
	b.index.followers[number] = follower
	return ""
}

// Follow takes the record of what followed an exchange that changed the protocol of its connection.
func (x *Index) Follow(m Match) (Match, bool) {
	number, ok := x.followers[uint32(m.Number)]
	if !ok {
		return Match{}, false
	}
	x.use(number)
	return Match{Number: int(number), Record: x.records[number], Tier: m.Tier}, true
}

// ConverseAs begins a conversation of a record that is not WebSocket and followed an exchange.
func (x *Index) ConverseAs(m Match) *Conversation {
	only := &script{Script: opaque.NewScript(opaque.Sides(m.Record)), number: uint32(m.Number)}
	return &Conversation{index: x, scripts: []*script{only}, to: 1, current: -1, answered: -1}
}

// ScriptOfServer is what the server of a WebSocket said.
func ScriptOfServer(r *trafficpb.Record) *websocket.Script {
	return websocket.NewScript(r.GetRequest().GetFirstByte(), parts(r.GetResponse()), parts(r.GetRequest()))
}

func parts(m *trafficpb.Message) []websocket.Part {
	var all []websocket.Part
	for p := range traffic.Parts(m) {
		all = append(all, websocket.Part{Kind: uint8(p.Kind), Payload: p.Bytes, At: p.At})
	}
	return all
}

// DifferenceOfBodies says how a body differs from a recorded one, "" when they say the same: the bytes are equal, or both are JSON
// and equal as that. Secrets are redacted before.
func (x *Index) DifferenceOfBodies(body, recorded []byte) string {
	if bytes.Equal(body, recorded) {
		return ""
	}
	var asked, held canonical
	for c, b := range map[*canonical][]byte{&asked: body, &held: recorded} {
		q := &Request{Body: b, BodyLength: int64(len(b))}
		x.redact(q)
		c.read(q)
	}
	if asked.exact() == held.exact() {
		return ""
	}
	if asked.body != bodyJSON || held.body != bodyJSON {
		at := commonBytes(body, recorded)
		return fmt.Sprintf("it has %d bytes, recorded %d, and differs at byte %d", len(body), len(recorded), at)
	}
	const most = 5
	found := differences(&asked, &held, nil)
	return "different are " + strings.Join(found[:min(most, len(found))], ", ")
}
