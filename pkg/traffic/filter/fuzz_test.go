// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// FuzzFilter wants any filter to be refused, or to select some records and not others.
func FuzzFilter(f *testing.F) {
	for _, wanted := range []*trafficpb.Filter{
		{Key: "front:80", Path: "/a*", Method: "GET", Status: []string{"5xx", "404", NoResponse}}, {Operation: "GET /*", Since: 1, Until: 2},
	} {
		data, err := proto.Marshal(wanted)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "GET /a/b")
	}
	f.Fuzz(func(t *testing.T, data []byte, operation string) {
		wanted := &trafficpb.Filter{}
		if proto.Unmarshal(data, wanted) != nil {
			return
		}
		filter, err := New(wanted, []string{"front:80", "back:90"})
		if (err == nil) != (Validate(wanted) == nil) && wanted.GetKey() == "" {
			t.Fatalf("%v: %v", wanted, err)
		}
		if err != nil {
			return
		}
		record := &trafficpb.Record{Operation: operation, Status: 200, Port: 80, Workload: "front", Request: &trafficpb.Message{FirstByte: 1}}
		_ = filter.Selects(record)
		_ = filter.Ends(record)
	})
}
