// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// collector receives traces by OTLP and keeps the names of their spans.
type collector struct {
	tracepb.UnimplementedTraceServiceServer
	mu     sync.Mutex
	traces map[string][]string // by trace ID
}

// newCollector serves until the test ends.
func newCollector(t *testing.T) (c *collector, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c = &collector{traces: map[string][]string{}}
	server := grpc.NewServer()
	tracepb.RegisterTraceServiceServer(server, c)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // it ends when it is stopped
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return c, listener.Addr().String()
}

func (c *collector) Export(_ context.Context, request *tracepb.ExportTraceServiceRequest) (*tracepb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				id := string(span.GetTraceId())
				text := span.GetName()
				for _, attribute := range span.GetAttributes() {
					text += " " + attribute.GetKey() + "=" + attribute.GetValue().GetStringValue()
				}
				c.traces[id] = append(c.traces[id], text)
			}
		}
	}
	return &tracepb.ExportTraceServiceResponse{}, nil
}

// has tells whether there is one trace that has a span with each of the texts.
func (c *collector) has(texts ...string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, spans := range c.traces {
		all, found := strings.Join(spans, "\n"), 0
		for _, text := range texts {
			if strings.Contains(all, text) {
				found++
			}
		}
		if found == len(texts) {
			return true
		}
	}
	return false
}

func (c *collector) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.traces)
}

// A request is traced from the server to its etcd, and the trace is exported.
func TestTracesAreExported(t *testing.T) {
	traces, address := newCollector(t)
	config := filepath.Join(t.TempDir(), "tracing.yaml")
	text := "apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\nsamplingRatePerMillion: 1000000\nendpoint: " + address + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, newCertificate(t), "--data-dir="+shortDir(t), "--tracing-config-file="+config)
	s.start(t)
	profile := &v1alpha1.ReplayProfile{ObjectMeta: metav1.ObjectMeta{Name: "traced"}}
	if _, err := s.client(t).ReplayV1alpha1().ReplayProfiles(namespace).Create(t.Context(), profile, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the trace of the creation is exported", func() bool {
		return traces.has("/namespaces/shop/replayprofiles", "Create etcd3")
	})
	if err := s.terminate(); err != nil {
		t.Errorf("%v; the traces are %s", err, traces)
	}
}
