// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// FuzzAccept wants what a proxy sends to be kept, counted or refused as the proxy's fault, whatever it is.
func FuzzAccept(f *testing.F) {
	record := &trafficpb.Record{
		Id: "r", Sequence: 1, Workload: "front", Direction: trafficpb.Direction_DIRECTION_OUTBOUND, Port: 80, Status: 200,
		Request: &trafficpb.Message{Head: []byte("GET / HTTP/1.1\r\n\r\n"), FirstByte: 1, LastByte: 2, Pieces: []*trafficpb.Piece{{End: 9, At: 1}}},
	}
	for _, request := range []*trafficpb.PushRequest{
		{ProxyInstance: "p", Records: []*trafficpb.Record{record}},
		{ProxyInstance: "p", LossSequence: 1, Losses: []*trafficpb.Loss{{Workload: "front", Count: 3, Reason: "overflow"}}},
	} {
		data, err := proto.Marshal(request)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	pod := auth.Pod{Namespace: "shop", Name: "front-1", UID: "uid"}
	f.Fuzz(func(t *testing.T, data []byte) {
		request := &trafficpb.PushRequest{}
		if proto.Unmarshal(data, request) != nil {
			return
		}
		reached := order{}
		if err := reached.check(request); err == nil && len(request.GetRecords()) > 0 && reached.check(request) == nil {
			t.Fatal("the same records were taken twice")
		}
		if _, err := accept(pod, request, time.Unix(1, 0)); err != nil {
			if status.Code(err) != codes.InvalidArgument {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		for _, r := range request.GetRecords() {
			if r.GetNamespace() != "shop" || r.GetPod() != "front-1" || r.GetPodUid() != "uid" {
				t.Fatalf("a record of another pod: %v", r)
			}
			if Refusal(r) == "" {
				if _, err := traffic.MarshalRecordJSON(r, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
