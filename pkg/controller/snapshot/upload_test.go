// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/protocol/descriptor/descriptortest"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
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
	line, err := traffic.MarshalRecordJSON(secret, nil)
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

// What is uploaded is redacted by the names of fields, and the snapshot keeps the types for its replays. Without them there is no snapshot.
func TestUploadWithDescriptorSet(t *testing.T) {
	w := newWorld(t, v1alpha1.TrafficSnapshotSpec{Upload: &v1alpha1.SnapshotUpload{Port: ptr.To[int32](9898)}})
	_, err := w.cluster.Replay.ReplayV1alpha1().TrafficCaptures(shop).Create(t.Context(), &v1alpha1.TrafficCapture{
		ObjectMeta: metav1.ObjectMeta{Name: "front", Namespace: shop},
		Spec: v1alpha1.TrafficCaptureSpec{
			WorkloadRef: w.get().Spec.WorkloadRef, DescriptorSetConfigMapName: "protos",
			Redaction: &v1alpha1.CaptureRedaction{Rules: []v1alpha1.RedactionRule{{Name: "name", JSONPath: "$.user.full_name"}}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	call := controllertest.Exchange(1, trafficpb.Direction_DIRECTION_INBOUND, "front", 9898, created)
	call.Operation, call.Protocol = "POST "+descriptortest.Path, "grpc"
	call.Request.Head = []byte("POST " + descriptortest.Path + " HTTP/2\r\ncontent-type: application/grpc\r\n\r\n")
	message := descriptortest.Message(t, "shop.Get", `{"id":"order 17","user":{"fullName":"Ada Lovelace"}}`)
	call.Request.Body = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	call.Request.BodyLength = int64(len(call.Request.Body))
	line, err := traffic.MarshalRecordJSON(call, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.mustStep() // the finalizer
	w.upload(line, true)
	if _, err := w.step(); err == nil || !strings.Contains(err.Error(), `ConfigMap "protos"`) {
		t.Errorf("error %v, want one that names the missing ConfigMap", err)
	}
	w.expectReady(metav1.ConditionFalse, reasonFailed)
	_, err = w.cluster.Kube.CoreV1().ConfigMaps(shop).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "protos", Namespace: shop}, BinaryData: map[string][]byte{wiring.DescriptorSetKey: descriptortest.Set(t)},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.mustStep()
	w.expectReady(metav1.ConditionTrue, reasonUploaded)
	err = dial.EachRecord(t.Context(), w.conn, &trafficpb.ReadRequest{Snapshot: objectRef(w.get())}, func(r *trafficpb.Record) error {
		if body := string(r.GetRequest().GetBody()); strings.Contains(body, "Ada") || !strings.Contains(body, "order 17") {
			t.Errorf("the body is %q", body)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := trafficpb.NewSnapshotsClient(w.conn).GetManifest(t.Context(), objectRef(w.get()))
	if err != nil || !bytes.Equal(manifest.GetDescriptorSet(), descriptortest.Set(t)) {
		t.Errorf("the snapshot has a descriptor set of %d bytes, error %v", len(manifest.GetDescriptorSet()), err)
	}
}
