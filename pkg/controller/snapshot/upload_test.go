// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// upload does what the API server does with what a client sends.
func (w *world) upload(data []byte, complete bool) {
	w.Helper()
	stream, err := trafficpb.NewSnapshotsClient(w.conn).AppendUpload(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	if err := stream.Send(&trafficpb.UploadChunk{
		Snapshot: objectRef(w.get()), Workload: "front", Restart: true, Complete: complete, Port: 9898, Data: data,
	}); err != nil {
		w.Fatal(err)
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		w.Fatal(err)
	}
}

func TestUploadIsAwaited(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficSnapshotSpec{Upload: &v1alpha1.SnapshotUpload{Port: ptr.To[int32](9898)}})
	w.mustStep() // the finalizer
	again, err := w.step()
	if err != nil || again != uploadInterval {
		t.Fatalf("again %v, %v", again, err)
	}
	w.expectReady(metav1.ConditionFalse, reasonAwaiting)

	secret := controllertest.Exchange(1, trafficpb.Direction_DIRECTION_INBOUND, "front", 9898, created)
	secret.Request.Head = []byte("GET / HTTP/1.1\r\nAuthorization: Bearer secret\r\n\r\n")
	line, err := traffic.MarshalRecordJSON(secret)
	if err != nil {
		t.Fatal(err)
	}
	w.upload(line[:10], false)
	if again, err := w.step(); err != nil || again != uploadInterval {
		t.Fatalf("again %v, %v", again, err)
	}
	w.expectReady(metav1.ConditionFalse, reasonAwaiting)

	w.upload(line, true)
	w.mustStep()
	w.expectReady(metav1.ConditionTrue, reasonUploaded)
	got := w.get().Status
	if got.Inbound != 1 || got.SizeBytes == 0 || len(got.Slices) != 1 || got.Slices[0].Key != "front:9898" || !got.StartTime.Time.Equal(created) {
		t.Errorf("status is %+v", got)
	}
	err = dial.EachRecord(t.Context(), w.conn, &trafficpb.ReadRequest{Snapshot: objectRef(w.get())}, func(r *trafficpb.Record) error {
		if head := string(r.GetRequest().GetHead()); strings.Contains(head, "secret") || !strings.Contains(head, "Bearer restage-") {
			t.Errorf("the head is %q", head)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
