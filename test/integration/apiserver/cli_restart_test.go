// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	restageapiserver "github.com/restage-dev/restage/pkg/apiserver"
	"github.com/restage-dev/restage/pkg/apiserver/testserver"
)

// service is an address behind which a server is restarted. While there is none, connections are refused.
type service struct {
	address  string
	listener net.Listener
}

// open sends connections to a server until close.
func (s *service) open(t *testing.T, server string) {
	t.Helper()
	if s.address == "" {
		s.address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	s.listener, s.address = listener, listener.Addr().String()
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", server)
			if err != nil {
				_ = from.Close()
				continue
			}
			go relay(to, from)
			go relay(from, to)
		}
	}()
}

func relay(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

// start starts a server on the data that is there, behind the service.
func (s *service) start(t *testing.T, dir string) *testserver.Server {
	t.Helper()
	o := restageapiserver.NewOptions()
	o.EmbeddedEtcd.DataDir = dir
	started, err := testserver.StartWith(t.Context(), o, forwarder.DialUser(t, "restarted"),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, deployment("front", "app"))
	if err != nil {
		t.Fatal(err)
	}
	s.open(t, strings.TrimPrefix(started.Config.Host, "https://"))
	return started
}

// A server that goes while a replay is waited for, and comes back, costs nothing but time.
func TestCLIWaitsOverARestart(t *testing.T) {
	dir, err := os.MkdirTemp("", "restage") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &service{}
	t.Cleanup(func() { _ = s.listener.Close() })
	first := s.start(t, dir)
	replays := first.Client.ReplayV1alpha1().TrafficReplays(namespace)
	if _, err := first.Client.ReplayV1alpha1().TrafficSnapshots(namespace).Create(t.Context(), newSnapshot("waited"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := replays.Create(t.Context(), newReplay("waited", "waited"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	p := &plugin{kubeconfig: kubeconfigOf(t, &rest.Config{Host: "https://" + s.address, TLSClientConfig: rest.TLSClientConfig{Insecure: true}})}
	ended := make(chan int, 1)
	ctx, cancel := context.WithTimeout(t.Context(), cliTimeout)
	defer cancel()
	go func() { ended <- p.run(ctx, "replay", "watch", "waited") }()
	p.says(ctx, t, "waiting for the operator to take up the replay")
	_ = s.listener.Close()
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}
	p.says(ctx, t, "the API does not answer, trying again")

	second := s.start(t, dir)
	defer second.Stop()
	replays = second.Client.ReplayV1alpha1().TrafficReplays(namespace)
	replay, err := replays.Get(t.Context(), "waited", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{v1alpha1.ReplayComplete, v1alpha1.ReplayPassed} {
		meta.SetStatusCondition(&replay.Status.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "GoalsHold", Message: "every goal holds"})
	}
	if _, err := replays.UpdateStatus(t.Context(), replay, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d: %s%s", code, p.out.String(), p.err.String())
	}
}

// says waits until the command has said something.
func (p *plugin) says(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(p.err.String(), text) {
		if ctx.Err() != nil {
			t.Fatalf("%q was not said: %s", text, p.err.String())
		}
		await(t, cliTimeout/1000)
	}
}
