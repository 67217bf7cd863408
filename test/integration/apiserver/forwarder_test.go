// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/grpc"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	serverToken = "token-of-the-server"
	serverUser  = "system:serviceaccount:restage-system:restage-apiserver"
)

// startForwarder runs a forwarder and returns a connection of the server to it, which may do there what the manifests
// allow the server, and nothing else.
func startForwarder(ctx context.Context, dir string) (*forwardertest.Server, grpc.ClientConnInterface, error) {
	f, err := forwardertest.New(dir)
	if err != nil {
		return nil, nil, err
	}
	rules, err := serverRules()
	if err != nil {
		return nil, nil, err
	}
	f.Users.Add(serverToken, auth.Identity{User: serverUser})
	f.Users.Deny = func(user auth.Identity, access auth.Access) bool {
		return user.User == serverUser && !slices.ContainsFunc(rules, func(rule rbacv1.PolicyRule) bool {
			return slices.Contains(rule.APIGroups, v1alpha1.GroupName) && slices.Contains(rule.Resources, access.Resource) &&
				slices.Contains(rule.Verbs, access.Verb)
		})
	}
	if err := f.Open(); err != nil {
		return nil, nil, err
	}
	connection, err := f.Connect(ctx, serverToken)
	return f, connection, err
}

// serverRules are those of the server's ClusterRoles in the manifests.
func serverRules() (rules []rbacv1.PolicyRule, err error) {
	data, err := os.ReadFile("../../../artifacts/base/rbac-apiserver.yaml")
	if err != nil {
		return nil, err
	}
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096); ; {
		var role rbacv1.ClusterRole
		if err := decoder.Decode(&role); errors.Is(err, io.EOF) {
			return rules, nil
		} else if err != nil {
			return nil, err
		}
		if role.Kind == "ClusterRole" {
			rules = append(rules, role.Rules...)
		}
	}
}

// snapshotRef names a snapshot for the forwarder.
func snapshotRef(t *testing.T, name string) *trafficpb.ObjectRef {
	t.Helper()
	snapshot, err := client().TrafficSnapshots(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return &trafficpb.ObjectRef{Namespace: namespace, Name: name, Uid: string(snapshot.UID)}
}

// cutSnapshot makes a snapshot of these records, which a proxy hands over and the forwarder cuts. No other test may have
// records of the same hour.
func cutSnapshot(t *testing.T, name string, records []*trafficpb.Record) *trafficpb.Manifest {
	t.Helper()
	return cutSnapshotWith(t, name, records, nil)
}

// cutSnapshotWith makes a snapshot whose gRPC messages have the types of a descriptor set.
func cutSnapshotWith(t *testing.T, name string, records []*trafficpb.Record, descriptorSet []byte) *trafficpb.Manifest {
	t.Helper()
	createSnapshot(t, name)
	push(t, records)
	manifest, err := trafficpb.NewSnapshotsClient(forwarder.DialUser(t, "controller")).Build(t.Context(), &trafficpb.BuildRequest{
		Snapshot: snapshotRef(t, name), Workload: "front",
		From: records[0].GetRequest().GetFirstByte(), To: records[len(records)-1].GetRequest().GetFirstByte() + 1,
		DescriptorSet: descriptorSet,
	})
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

// push hands records over as a proxy does.
func push(t *testing.T, records []*trafficpb.Record) {
	t.Helper()
	stream, err := trafficpb.NewIngestClient(forwarder.DialPod(t, auth.Pod{Namespace: namespace, Name: "front-1", UID: "front-1-uid"})).Push(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	instance, batch := ulid.Make().String(), uint64(0)
	for part := range slices.Chunk(records, 100) {
		batch++
		if err := stream.Send(&trafficpb.PushRequest{Batch: batch, ProxyInstance: instance, Records: part}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
}

// recording returns so many records of an hour, a millisecond apart, every third of them outbound, with responses of so many
// bytes. Their ids count from 0.
func recording(hour, count, size int) []*trafficpb.Record {
	start := time.Date(2026, 5, 4, hour, 0, 0, 0, time.UTC)
	records := make([]*trafficpb.Record, count)
	for i := range records {
		at := start.Add(time.Duration(i) * time.Millisecond)
		body := bytes.Repeat([]byte(fmt.Sprintf("%d ", i)), size/2+1)[:size]
		r := &trafficpb.Record{
			Id: fmt.Sprint(i), Direction: trafficpb.Direction_DIRECTION_INBOUND, Protocol: "http/1.1", Workload: "front", Port: 9898,
			Connection: fmt.Sprint("c", i), Session: fmt.Sprint("c", i), Sequence: uint64(i + 1), PeerAddress: "10.0.0.7:40000",
			Operation: fmt.Sprintf("GET /orders/%d", i), Status: 200,
			Request: &trafficpb.Message{
				Head:      fmt.Appendf(nil, "GET /orders/%d?q HTTP/1.1\r\nHost: front\r\n\r\n", i),
				FirstByte: at.UnixNano(), LastByte: at.UnixNano() + 1000,
			},
			Response: &trafficpb.Message{
				Head: []byte("HTTP/1.1 200 OK\r\n\r\n"), Body: body, BodyLength: int64(size), BodySha256: []byte{1},
				FirstByte: at.UnixNano() + 2000, LastByte: at.UnixNano() + 3000,
			},
		}
		if i%3 == 2 {
			r.Direction, r.Host, r.Operation, r.Status = trafficpb.Direction_DIRECTION_OUTBOUND, "back", fmt.Sprintf("POST /stock/%d", i), 503
		}
		records[i] = r
	}
	return records
}

// putReport hands over the report of a replay as its generator does.
func putReport(t *testing.T, name string, document []byte) {
	t.Helper()
	replay, err := client().TrafficReplays(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := trafficpb.NewReplaysClient(forwarder.DialUser(t, "generator")).PutReport(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ref := &trafficpb.ObjectRef{Namespace: namespace, Name: name, Uid: string(replay.UID)}
	if err := stream.Send(&trafficpb.ReportChunk{Replay: ref, Data: document}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.CloseAndRecv(); err != nil {
		t.Fatal(err)
	}
}
