// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"net"
	"testing"

	"github.com/restage-dev/restage/pkg/proxy/capture/capturetest"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// startRecording records connections that are made to a server.
func startRecording(t *testing.T, server string) *capturetest.Recording {
	t.Helper()
	return capturetest.Start(t, server, trafficpb.Direction_DIRECTION_OUTBOUND)
}

// recorded ends a recording. Its records are said to be of a server at host and port.
func recorded(r *capturetest.Recording, host string, port uint32) []*trafficpb.Record {
	records := r.End()
	for _, record := range records {
		record.Host, record.Port = host, port
	}
	return records
}

// forward listens for clients that cannot say a hello and leads them to the responder, as the proxy of an isolated pod does. It
// returns the address to dial.
func (e *environment) forward(host, address string, port uint32) string {
	e.t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(e.t, err)
	e.t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			server := e.dial(host, address, port)
			go func() {
				_, _ = server.ReadFrom(client)
				_ = server.CloseWrite()
			}()
			go func() {
				_, _ = client.ReadFrom(server)
				_ = client.CloseWrite()
			}()
		}
	}()
	return listener.Addr().String()
}
