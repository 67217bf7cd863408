// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package e2e tests the whole story on a real cluster, with kubectl where a user would use kubectl.
package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

// TestStory records a real application, takes its back end away and replays the recording, undisturbed and disturbed.
func TestStory(t *testing.T) {
	s := openShop(t)
	s.visit(t)

	// a back end that fails in about every third second: each body is its own, so each failure belongs to one request
	s.kubectl(t, "set", "env", "deployment/back", "PODINFO_RANDOM_ERROR=true")
	s.kubectl(t, "rollout", "status", "deployment/back", "--timeout=120s")
	out := s.client(t, "unlucky", `for i in $(seq 1 40); do curl -sS -d "unlucky $i" http://front:9898/echo; echo; sleep 0.5; done`)
	failures := strings.Count(out, "response status code")
	if failures == 0 {
		t.Fatalf("the back end did not fail: %s", out)
	}

	s.snapshot(t, "monday")
	s.closeBack(t)
	before := s.live(t)

	t.Run("records", func(t *testing.T) {
		records := kube.Kubectl(t, "get", "--raw", fmt.Sprintf(
			"/apis/replay.restage.dev/v1alpha1/namespaces/%s/trafficsnapshots/monday/records?limit=10000", s.namespace))
		lines := strings.Split(records, "\n")
		if len(lines) < 1000 {
			t.Errorf("%d records, want at least 1000", len(lines))
		}
		recorded := 0
		for _, line := range lines {
			var record struct {
				Direction string
				Status    int
			}
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			if record.Direction == "Outbound" && record.Status >= 400 {
				recorded++
			}
		}
		if recorded != failures {
			t.Errorf("%d failures of the back end are recorded, want %d", recorded, failures)
		}
	})

	t.Run("same image", func(t *testing.T) {
		s.replay(t, "replay-same.yaml", "same-image", "same", "monday")
		s.finished(t, "same").passed(t)
		kube.Kubectl(t, "-n", s.namespace, "wait", "--for=condition=Passed", "trafficreplay/same", "--timeout=1s")
	})

	t.Run("changed image", func(t *testing.T) {
		s.replay(t, "replay-changed.yaml", "changed-image", "changed", "monday")
		status, _, message := s.finished(t, "changed").condition("Passed")
		if status != "False" {
			t.Fatalf("Passed=%s", status)
		}
		for _, endpoint := range []string{"/store", "/version"} {
			if !strings.Contains(message, endpoint) {
				t.Errorf("the message does not name %s: %s", endpoint, message)
			}
		}
		report := kube.Kubectl(t, "get", "--raw", fmt.Sprintf(
			"/apis/replay.restage.dev/v1alpha1/namespaces/%s/trafficreplays/changed/report", s.namespace))
		if !strings.Contains(report, "/store") {
			t.Error("the report does not name /store")
		}
	})

	t.Run("controller killed", func(t *testing.T) {
		s.replay(t, "replay-same.yaml", "same-image", "orphaned", "monday")
		s.underway(t, "orphaned")
		kube.Kubectl(t, "-n", "restage-system", "delete", "pod", "-l", "app.kubernetes.io/component=controller", "--force", "--grace-period=0")
		s.finished(t, "orphaned").passed(t)
	})

	t.Run("responder deleted", func(t *testing.T) { s.responderDeleted(t) })

	if after := s.live(t); after != before {
		t.Errorf("the live front was touched:\nbefore %s\nafter  %s", before, after)
	}
	if left := s.leftovers(t); left != "" {
		t.Errorf("the replays left %s", left)
	}

	t.Run("capture ends without trace", func(t *testing.T) {
		s.kubectl(t, "annotate", "deployment/front", "capture.restage.dev/enabled-")
		s.kubectl(t, "wait", "--for=delete", "trafficcapture/front", "--timeout=60s")
		deployment := s.kubectl(t, "get", "deployment", "front", "-o", "yaml", "--show-managed-fields")
		if strings.Contains(deployment, "restage-proxy") || strings.Contains(deployment, "restage-capture") {
			t.Errorf("the capture left a trace:\n%s", deployment)
		}
	})

	t.Run("in place", func(t *testing.T) { s.inPlace(t) })
}

// responderDeleted deletes the responder in the middle of a replay and watches, on the node, every connection that
// the clone begins: none may go anywhere but to the responder.
func (s *shop) responderDeleted(t *testing.T) {
	s.replay(t, "replay-same.yaml", "same-image", "muted", "monday")
	stop := s.watchClone(t, "muted")

	s.underway(t, "muted")
	s.shutIn(t, "muted")
	s.kubectl(t, "delete", "pod", "-l", "replay.restage.dev/environment=muted,replay.restage.dev/component=responder", "--force", "--grace-period=0")
	status := s.finished(t, "muted")
	stop()

	if passed, _, _ := status.condition("Passed"); passed != "False" {
		t.Errorf("Passed=%s, although the responder was deleted", passed)
	}
	if status.Summary.Egress.Escaped != 0 {
		t.Errorf("connections were let out: %+v", status.Summary.Egress)
	}
}

// shutIn checks what an environment that runs says of its own isolation.
func (s *shop) shutIn(t *testing.T, environment string) {
	t.Helper()
	kube.Eventually(t, time.Minute, "the environment proves its isolation", func() (bool, string) {
		proof := s.kubectl(t, "get", "environment", environment, "-o",
			`jsonpath={.status.conditions[?(@.type=="Isolated")].status} {.status.egress.attempted}/{.status.egress.escaped}`)
		isolated, counts, _ := strings.Cut(proof, " ")
		return isolated == "True" && counts != "/", proof
	})
	s.kubectl(t, "get", "networkpolicy", environment+"-isolation")
}
