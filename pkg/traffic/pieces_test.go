// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// FuzzParts wants the parts of any message to be its body, in order, and at most that.
func FuzzParts(f *testing.F) {
	for _, m := range []*trafficpb.Message{
		{Body: []byte("abc"), Pieces: []*trafficpb.Piece{{End: 1}, {End: 3, Kind: 1}}},
		{Body: []byte("abc"), Pieces: []*trafficpb.Piece{{End: -1}, {End: 1 << 40}, {End: 2}}},
	} {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &trafficpb.Message{}
		if proto.Unmarshal(data, m) != nil {
			return
		}
		var all []byte
		for part := range Parts(m) {
			all = append(all, part.Bytes...)
		}
		if !bytes.HasPrefix(m.GetBody(), all) {
			t.Fatalf("parts %q of %q", all, m.GetBody())
		}
	})
}
