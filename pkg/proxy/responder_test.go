// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/test/peer"
)

const (
	tunnelPort  = 4141
	controlPort = 4142
)

// isolatedEnv says who the pod of newPod is.
var isolatedEnv = []string{"POD_NAME=front-1", "POD_IP=10.99.0.2"}

// serveResponder answers at 10.99.0.1 as a responder does that has these names, as JSON, and plays serveTunnel. It returns the flags of
// "restage-proxy init" that say so, and all arguments of the proxy that runs.
func serveResponder(t *testing.T, outside *namespace, names string) (init, run []string) {
	t.Helper()
	go peer.Serve(outside.listen(fmt.Sprintf("10.99.0.1:%d", tunnelPort)), func(conn net.Conn) { serveTunnel(t, conn) })
	control := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		fmt.Fprint(w, names)
	})}
	go control.Serve(outside.listen(fmt.Sprintf("10.99.0.1:%d", controlPort)))
	t.Cleanup(func() { control.Close() })

	token, trust := filepath.Join(t.TempDir(), "token"), t.TempDir()
	if err := os.WriteFile(token, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	reachable(t, filepath.Dir(token))
	if err := os.Chmod(trust, 0o777); err != nil { // the proxy's user writes there
		t.Fatal(err)
	}
	init = []string{"--mode=Isolate", fmt.Sprintf("--responder=10.99.0.1:%d", tunnelPort), fmt.Sprintf("--control=10.99.0.1:%d", controlPort)}
	return init, append([]string{"run", "--workload=front", "--token-file=" + token, "--trust-dir=" + trust}, init...)
}

// serveTunnel answers each request with what the hello says.
func serveTunnel(t *testing.T, conn net.Conn) {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return // the proxy was killed before it said anything
	}
	data := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, data); err != nil {
		return
	}
	var hello trafficpb.TunnelHello
	if err := proto.Unmarshal(data, &hello); err != nil || hello.GetToken() != "secret" {
		t.Errorf("hello %v, %v", &hello, err)
	}
	if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
		return
	}
	body := fmt.Sprintf("played %s %s:%d", hello.GetHost(), hello.GetAddress(), hello.GetPort())
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}
