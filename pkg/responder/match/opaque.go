// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/restage-dev/restage/pkg/protocol/opaque"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// destination is what is known of the recorded connections to one host:port.
type destination struct {
	// clientFirst says that the client spoke first on some connection.
	clientFirst bool
	// scripts are those of the playable opaque connections, ordered by what the client sent.
	scripts []*script
}

// script is a recorded connection that can be played by its bytes.
type script struct {
	*opaque.Script
	number uint32 // of the record
}

// Knows tells whether any connection to host:port was recorded.
func (x *Index) Knows(host string, port uint32) bool {
	_, ok := x.destinations[Destination(host, port)]
	return ok
}

// SpeaksFirst tells whether servers at host:port are known to speak, or to fail, before the client sent anything, so
// that there is no use in waiting for the client.
func (x *Index) SpeaksFirst(host string, port uint32) bool {
	d, ok := x.destinations[Destination(host, port)]
	return ok && !d.clientFirst
}

// BeginsOpaque tells whether exactly these bytes were all that a client of an opaque connection to host:port sent before
// its server spoke.
func (x *Index) BeginsOpaque(host string, port uint32, first []byte) bool {
	c := x.Converse(host, port)
	if !c.Take(first) {
		return false
	}
	for i := c.from; i < c.to; i++ {
		if c.ready(i) {
			return true
		}
	}
	return false
}

// addOpaque takes a connection into the index. One that followed another protocol on its connection is found through the
// exchange that changed it.
func (b *builder) addOpaque(number uint32, r *trafficpb.Record, reason string) {
	if r.GetOrdinal() > 0 {
		return
	}
	d := b.destination(Destination(HostName(r.GetHost()), r.GetPort()))
	if len(r.GetRequest().GetBody()) > 0 && !opaque.ServerFirst(r) {
		d.clientFirst = true
	}
	if reason == "" {
		d.scripts = append(d.scripts, &script{Script: opaque.NewScript(opaque.Sides(r)), number: number})
	}
}

func (b *builder) destination(key string) *destination {
	d := b.index.destinations[key]
	if d == nil {
		d = &destination{}
		b.index.destinations[key] = d
	}
	return d
}

// orderScripts orders the scripts of each destination, those of one client in the order of recording.
func (x *Index) orderScripts() {
	for _, d := range x.destinations {
		slices.SortFunc(d.scripts, func(a, b *script) int {
			return cmp.Or(bytes.Compare(a.Client, b.Client), cmp.Compare(a.number, b.number))
		})
	}
}
