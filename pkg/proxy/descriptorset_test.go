// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	pb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/restage-dev/restage/pkg/protocol/grpc/grpctest"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Rules name the fields of messages as the descriptor set of the capture does. Without it what is recorded says that they were not followed.
func TestDescriptorSetOfACapture(t *testing.T) {
	set := filepath.Join(t.TempDir(), "descriptors.binpb")
	if err := os.WriteFile(set, grpctest.DescriptorSet(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, unsearched := range map[string]bool{set: false, set + ".missing": true} {
		r, server := newRig(t, func(c *CaptureConfig) {
			c.Settings.DescriptorSet, c.DescriptorSet = "orders-descriptors", path
			c.Settings.Redaction.Rules = []wiring.RedactionRule{{Name: "payload", JSONPath: "$.payload.body"}}
		}), grpctest.Serve(t)
		answer, err := grpctest.Client(t, "orders:50051", r.through(server)).UnaryCall(t.Context(), &pb.SimpleRequest{Payload: grpctest.Payload("seed of a plant")})
		if err != nil || string(answer.GetPayload().GetBody()) != "echo seed of a plant" {
			t.Fatalf("the client got %v, error %v", answer, err)
		}
		got := r.operation(t, "POST /grpc.testing.TestService/UnaryCall")
		for half, body := range map[string][]byte{"request": got.GetRequest().GetBody(), "response": got.GetResponse().GetBody()} {
			if kept := bytes.Contains(body, []byte("seed of a plant")); kept != unsearched {
				t.Errorf("with %s the %s is %q", path, half, body)
			}
			if marked := slices.Contains(got.GetRedacted(), half+".body.unsearched"); marked != unsearched {
				t.Errorf("with %s redacted is %v", path, got.GetRedacted())
			}
		}
	}
}
