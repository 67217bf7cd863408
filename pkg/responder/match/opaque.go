// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"bytes"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// destination is what is known of the recorded connections to one host:port.
type destination struct {
	// clientFirst says that the client spoke first on some connection.
	clientFirst bool
	// requests are the distinct requests of playable opaque connections, ordered.
	requests [][]byte
}

// Progress says how far the first bytes of an opaque connection agree with the recording.
type Progress struct {
	Whole  bool // a recorded request is equal to the bytes
	Longer bool // a recorded request begins with the bytes and has more
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

// OpaqueProgress compares what a client has sent so far with the opaque connections to host:port.
func (x *Index) OpaqueProgress(host string, port uint32, sent []byte) Progress {
	d, ok := x.destinations[Destination(host, port)]
	if !ok {
		return Progress{}
	}
	i, whole := slices.BinarySearchFunc(d.requests, sent, bytes.Compare)
	if whole {
		i++
	}
	return Progress{Whole: whole, Longer: i < len(d.requests) && bytes.HasPrefix(d.requests[i], sent)}
}

// ClaimOpaque takes the next recorded connection to host:port whose client sent exactly these bytes.
func (x *Index) ClaimOpaque(host string, port uint32, sent []byte) (Match, bool) {
	return x.claim(opaqueKey(Destination(host, port), sent), "", Exact)
}

func opaqueKey(destination string, sent []byte) Key {
	key := append([]byte{keyOpaque}, destination...)
	return xxh3.Hash128(append(append(key, 0), sent...))
}

func (b *builder) addOpaque(number uint32, r *trafficpb.Record, reason string) {
	key := Destination(HostName(r.GetHost()), r.GetPort())
	d := b.destination(key)
	if len(r.GetRequest().GetBody()) > 0 && !ServerFirst(r) {
		d.clientFirst = true
	}
	if reason != "" {
		return
	}
	d.requests = append(d.requests, r.GetRequest().GetBody())
	b.entries = append(b.entries, entry{opaqueKey(key, r.GetRequest().GetBody()), number})
}

func (b *builder) destination(key string) *destination {
	d := b.index.destinations[key]
	if d == nil {
		d = &destination{}
		b.index.destinations[key] = d
	}
	return d
}

// orderRequests makes the requests of each destination distinct and ordered.
func (x *Index) orderRequests() {
	for _, d := range x.destinations {
		slices.SortFunc(d.requests, bytes.Compare)
		d.requests = slices.CompactFunc(d.requests, bytes.Equal)
	}
}
