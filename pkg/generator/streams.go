// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"net/http"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// place is where a record is on a connection.
type place struct {
	connection string
	ordinal    uint64
}

// streams are the places of WebSockets, and of the exchanges that opened some and can be replayed.
type streams struct{ webSockets, openers map[place]bool }

func webSockets(records []*trafficpb.Record) streams {
	s := streams{webSockets: map[place]bool{}, openers: map[place]bool{}}
	for _, r := range records {
		at := place{r.GetConnection(), r.GetOrdinal()}
		switch {
		case obstacle(r) != "":
		case r.GetProtocol() == traffic.ProtocolWebSocket:
			s.webSockets[at] = true
		case r.GetStatus() == http.StatusSwitchingProtocols:
			s.openers[at] = true
		}
	}
	return s
}

// opened tells whether what opened a WebSocket is replayed.
func (s streams) opened(r *trafficpb.Record) bool {
	return r.GetOrdinal() > 0 && s.openers[place{r.GetConnection(), r.GetOrdinal() - 1}]
}

// opens tells whether an exchange opens a WebSocket that is replayed.
func (s streams) opens(r *trafficpb.Record) bool {
	return r.GetStatus() == http.StatusSwitchingProtocols && s.webSockets[place{r.GetConnection(), r.GetOrdinal() + 1}]
}
