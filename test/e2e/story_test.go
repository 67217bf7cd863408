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

	"github.com/restage-dev/restage/test/kube"
)

// TestStory records a real application, takes its back end away and replays the recording, undisturbed and disturbed.
func TestStory(t *testing.T) {
	s := openShop(t)
	s.visit(t)

	// a back end that fails in about every third second: each body is its own, so each failure belongs to one request
	s.kubectl(t, "set", "env", "deployment/back", "PODINFO_RANDOM_ERROR=true")
	s.kubectl(t, "rollout", "status", "deployment/back", "--timeout=120s")
	out := s.client(t, "unlucky", `failed=0
for i in $(seq 1 60); do
  answer=$(curl -sS -d "unlucky $i" http://front:9898/echo)
  echo "$answer"
  case $answer in *"response status code"*) failed=$((failed + 1)) ;; esac
  [ $failed -lt 3 ] || break
  sleep 0.5
done`)
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
		status := s.inTime(t, "same", func(name string) { s.replay(t, "replay-same.yaml", "same-image", name, "monday") })
		status.passed(t)
		kube.Kubectl(t, "-n", s.namespace, "wait", "--for=condition=Passed", "trafficreplay/"+status.name, "--timeout=1s")
	})

	t.Run("changed image", func(t *testing.T) {
		replay := s.inTime(t, "changed", func(name string) { s.replay(t, "replay-changed.yaml", "changed-image", name, "monday") })
		status, reason, message := replay.condition("Passed")
		if status != "False" || reason == "InvalidLate" {
			t.Fatalf("Passed=%s, %s", status, reason)
		}
		for _, endpoint := range []string{"/store", "/version"} {
			if !strings.Contains(message, endpoint) {
				t.Errorf("the message does not name %s: %s", endpoint, message)
			}
		}
		report := kube.Kubectl(t, "get", "--raw", fmt.Sprintf(
			"/apis/replay.restage.dev/v1alpha1/namespaces/%s/trafficreplays/%s/report", s.namespace, replay.name))
		if !strings.Contains(report, "/store") {
			t.Error("the report does not name /store")
		}
	})

	t.Run("controller killed", func(t *testing.T) {
		s.inTime(t, "orphaned", func(name string) {
			s.replay(t, "replay-same.yaml", "same-image", name, "monday")
			s.underway(t, name)
			killController(t)
		}).passed(t)
	})

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

func killController(t *testing.T) {
	t.Helper()
	kube.Kubectl(t, "-n", "restage-system", "delete", "pod", "-l", "app.kubernetes.io/component=controller", "--force", "--grace-period=0")
}
