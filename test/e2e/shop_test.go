// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

// shop is the demo's application in a namespace of its own, its front being recorded.
type shop struct {
	namespace string
}

// openShop deploys the application, changed as asked, and waits until its front is recorded.
func openShop(t *testing.T, changes ...string) *shop {
	t.Helper()
	s := &shop{namespace: kube.Namespace(t, "e2e")}
	kube.MustApply(t, strings.NewReplacer(changes...).Replace(kube.DemoManifest(t, "shop.yaml", s.namespace)))
	s.kubectl(t, "rollout", "status", "deployment/back", "--timeout=120s")
	s.kubectl(t, "wait", "--for=create", "trafficcapture/front", "--timeout=60s")
	s.kubectl(t, "wait", "--for=condition=Ready", "trafficcapture/front", "--timeout=120s")
	kube.MustApply(t, kube.DemoManifest(t, "profile.yaml", s.namespace))
	return s
}

func (s *shop) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return kube.Kubectl(t, append([]string{"-n", s.namespace}, args...)...)
}

// visit runs the shoppers: about 1,100 requests.
func (s *shop) visit(t *testing.T) {
	t.Helper()
	kube.MustApply(t, kube.DemoManifest(t, "shoppers.yaml", s.namespace))
	s.kubectl(t, "wait", "--for=condition=Complete", "job/shoppers", "--timeout=180s")
}

// client runs a shell script in a pod with curl and returns what it printed.
func (s *shop) client(t *testing.T, name, script string) string {
	t.Helper()
	s.kubectl(t, "run", name, "--image=localhost/restage/client:dev", "--image-pull-policy=IfNotPresent", "--restart=Never",
		"--command", "--", "/bin/sh", "-c", script)
	s.kubectl(t, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/"+name, "--timeout=120s")
	out := s.kubectl(t, "logs", name)
	s.kubectl(t, "delete", "pod", name, "--wait=false")
	return out
}

func (s *shop) snapshot(t *testing.T, name string) {
	t.Helper()
	changes := strings.NewReplacer("name: monday", "name: "+name, "last: 1m", "last: 15m")
	kube.MustApply(t, changes.Replace(kube.DemoManifest(t, "snapshot.yaml", s.namespace)))
	s.kubectl(t, "wait", "--for=condition=Ready", "trafficsnapshot/"+name, "--timeout=60s")
}

// closeBack takes the back end away, for good.
func (s *shop) closeBack(t *testing.T) {
	t.Helper()
	s.kubectl(t, "scale", "deployment/back", "--replicas=0")
	s.kubectl(t, "wait", "--for=delete", "pod", "-l", "app=back", "--timeout=60s")
}

// replay creates a replay of a snapshot from a manifest of the demo.
func (s *shop) replay(t *testing.T, manifest, oldName, name, snapshot string) {
	t.Helper()
	m := kube.DemoManifest(t, manifest, s.namespace)
	m = strings.ReplaceAll(m, "name: "+oldName+"\n", "name: "+name+"\n")
	m = strings.ReplaceAll(m, "snapshotName: monday", "snapshotName: "+snapshot)
	kube.MustApply(t, m)
}

// live is what no replay may change of the front: its generation and its pods with their restarts.
func (s *shop) live(t *testing.T) string {
	t.Helper()
	return s.kubectl(t, "get", "deployment", "front", "-o", "jsonpath={.metadata.generation} {.metadata.resourceVersion}") + "\n" +
		s.kubectl(t, "get", "pods", "-l", "app=front", "-o",
			"jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount} {.status.initContainerStatuses[*].restartCount};{end}")
}

// leftovers lists what carries the labels of replays and environments.
func (s *shop) leftovers(t *testing.T) string {
	t.Helper()
	const kinds = "deployments,replicasets,jobs,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings,environments"
	return s.kubectl(t, "get", kinds, "-l", "replay.restage.dev/replay", "-o", "name") +
		s.kubectl(t, "get", kinds, "-l", "replay.restage.dev/environment", "-o", "name")
}

// replayStatus is the part of a replay's status that the tests look at.
type replayStatus struct {
	name       string
	Conditions []struct{ Type, Status, Reason, Message string }
	Progress   struct{ Sent, Total, Percent int64 }
	Summary    struct {
		Requests, Failed, Differing, Skipped int64
		Matches                              struct {
			Total, Missed int64
			Percent       string
		}
		Egress struct{ Attempted, Answered, Refused, Escaped int64 }
	}
}

func (s *shop) status(t *testing.T, name string) replayStatus {
	t.Helper()
	var object struct{ Status replayStatus }
	if err := json.Unmarshal([]byte(s.kubectl(t, "get", "trafficreplay", name, "-o", "json")), &object); err != nil {
		t.Fatal(err)
	}
	object.Status.name = name
	return object.Status
}

func (r replayStatus) condition(kind string) (status, reason, message string) {
	for _, c := range r.Conditions {
		if c.Type == kind {
			return c.Status, c.Reason, c.Message
		}
	}
	return "", "", ""
}

// finished waits until a replay has ended and everything it made is gone, and returns its status.
func (s *shop) finished(t *testing.T, name string) replayStatus {
	t.Helper()
	s.kubectl(t, "wait", "--for=condition=Complete", "trafficreplay/"+name, "--timeout=300s")
	s.kubectl(t, "wait", "--for=condition=Restored", "trafficreplay/"+name, "--timeout=120s")
	return s.status(t, name)
}

// attempts is how often a replay is made until one is in time.
const attempts = 3

// inTime makes a replay and returns how it ended. On a machine that is busy with other things one can be late, and then it is made again
// under another name, as a user would.
func (s *shop) inTime(t *testing.T, name string, try func(name string)) replayStatus {
	t.Helper()
	for attempt := 1; ; attempt++ {
		try(name)
		status := s.finished(t, name)
		_, reason, message := status.condition("Passed")
		if reason != "InvalidLate" || attempt == attempts {
			return status
		}
		t.Logf("%s is made again: %s", name, message)
		name += "-again"
	}
}

// passed fails the test unless the replay passed in full.
func (r replayStatus) passed(t *testing.T) {
	t.Helper()
	if status, reason, message := r.condition("Passed"); status != "True" {
		t.Fatalf("Passed=%s, %s: %s", status, reason, message)
	}
	sum := r.Summary
	if sum.Requests == 0 || sum.Failed != 0 || sum.Differing != 0 || sum.Matches.Percent != "100.00" || sum.Egress.Escaped != 0 {
		t.Fatalf("passed, but the summary is %+v", sum)
	}
	if sum.Egress.Attempted == 0 || sum.Egress.Answered == 0 {
		t.Fatalf("no egress was counted, so there is no proof of isolation: %+v", sum.Egress)
	}
}

// underway waits until a tenth of the requests has been sent, and fails when half of them have been before it sees that.
func (s *shop) underway(t *testing.T, name string) {
	t.Helper()
	kube.Eventually(t, 2*time.Minute, name+" is under way", func() (bool, string) {
		p := s.status(t, name).Progress
		return p.Percent >= 10 && p.Percent < 50, fmt.Sprintf("%+v", p)
	})
}
