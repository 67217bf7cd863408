// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controllertest

import (
	"context"
	"crypto/sha256"
	"net/http"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/grpc"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// proxyInstance is the proxy process whose records Push hands over.
const proxyInstance = "01JPROXY00000000000000000A"

// Forwarder runs a real forwarder on loopback until the test ends, and returns a connection of the pod front-1 of the
// namespace, which may do everything.
func Forwarder(t *testing.T, namespace string) *grpc.ClientConn {
	t.Helper()
	server := forwardertest.Start(t)
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		response, err := http.Get(server.Health + "/readyz")
		if err != nil {
			return false, nil
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
	if err != nil {
		t.Fatalf("the forwarder is not ready: %v", err)
	}
	return server.DialPod(t, auth.Pod{Namespace: namespace, Name: "front-1", UID: "front-1-uid"})
}

// Push hands records over as a proxy does, and returns when they are safe.
func Push(t *testing.T, conn *grpc.ClientConn, records ...*trafficpb.Record) {
	t.Helper()
	stream, err := trafficpb.NewIngestClient(conn).Push(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&trafficpb.PushRequest{Batch: 1, ProxyInstance: proxyInstance, Records: records}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
}

// Exchange is the record of one request of the workload front and its response, which took two milliseconds.
func Exchange(sequence uint64, direction trafficpb.Direction, host string, port uint32, at time.Time) *trafficpb.Record {
	body := []byte("{}")
	sum := sha256.Sum256(body)
	message := func(head string, at time.Time) *trafficpb.Message {
		return &trafficpb.Message{
			Head: []byte(head), Body: body, BodyLength: int64(len(body)), BodySha256: sum[:],
			FirstByte: at.UnixNano(), LastByte: at.UnixNano(),
		}
	}
	return &trafficpb.Record{
		Id: ulid.Make().String(), Session: "s", Connection: ulid.Make().String(), Direction: direction, Protocol: traffic.ProtocolHTTP1,
		Workload: "front", Sequence: sequence, ProxyInstance: proxyInstance, Host: host, Port: port,
		PeerAddress: "10.0.0.9:40000", Operation: "POST /echo", Status: 200,
		Request:  message("POST /echo HTTP/1.1\r\nHost: "+host+"\r\nContent-Length: 2\r\n\r\n", at),
		Response: message("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", at.Add(2*time.Millisecond)),
	}
}
