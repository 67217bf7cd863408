// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

// TestFullNamespaceDeletion deletes a namespace with 500 of our objects, whose finalizers the operator takes away, and
// looks at what the controllers of the cluster say of our API.
func TestFullNamespaceDeletion(t *testing.T) {
	ns := kube.Namespace(t, "e2e-full")
	kube.MustApply(t, inNamespace(idleFront, ns))
	kube.MustApply(t, inNamespace(openSnapshotManifest, ns, "NAME", "open"))
	counts := map[string]int{"replayprofiles": 120, "trafficcaptures": 100, "trafficsnapshots": 99, "environments": 100, "trafficreplays": 80}
	objects := strings.Join([]string{
		many(profileManifest, ns, "p", counts["replayprofiles"]), many(captureManifest, ns, "c", counts["trafficcaptures"]),
		many(openSnapshotManifest, ns, "s", counts["trafficsnapshots"]), many(environmentManifest, ns, "e", counts["environments"]),
		many(replayManifest, ns, "r", counts["trafficreplays"]),
	}, "---")
	if _, err := kube.Run(t.Context(), objects, "kubectl", "create", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	counts["trafficsnapshots"]++ // open
	for _, resource := range []string{"trafficcaptures", "trafficsnapshots", "trafficreplays"} {
		kube.Eventually(t, 3*time.Minute, "the operator holds all "+resource, func() (bool, string) {
			held := strings.Fields(kube.Kubectl(t, "-n", ns, "get", resource, "-o", "jsonpath={.items[*].metadata.finalizers[0]}"))
			return len(held) == counts[resource], fmt.Sprintf("%d of %d", len(held), counts[resource])
		})
	}
	total := len(strings.Fields(kube.Kubectl(t, "-n", ns, "get", "restage", "-o", "jsonpath={.items[*].metadata.name}")))
	if total < 500 {
		t.Fatalf("the namespace holds %d of our objects, want 500", total)
	}
	begin := time.Now()
	kube.Kubectl(t, "delete", "namespace", ns, "--timeout=120s")
	took := time.Since(begin)
	t.Logf("a namespace with %d objects was deleted in %s", total, took.Round(100*time.Millisecond))
	if took > 30*time.Second {
		t.Errorf("deleting the namespace took %s", took)
	}
	noRefusals(t)
}

// noRefusals looks for requests that we refused for their encoding in the log of the controller manager, where the cluster is our own.
func noRefusals(t *testing.T) {
	t.Helper()
	if os.Getenv("CLUSTER") != "local" {
		return
	}
	log, err := os.ReadFile(filepath.Join(filepath.Dir(os.Getenv("KUBECONFIG")), "log", "node1.kube-controller-manager.log"))
	if err != nil {
		t.Fatal(err)
	}
	refused := regexp.MustCompile(`(?i)status code 406|not acceptable|NotAcceptable|content type that the client supports|following media types`)
	for line := range strings.Lines(string(log)) {
		if refused.MatchString(line) {
			t.Errorf("the controller manager was refused: %s", line)
		}
	}
}

// TestQuotaCountsOurObjects: the quota controller counts what is there, and our server refuses what goes beyond.
func TestQuotaCountsOurObjects(t *testing.T) {
	t.Parallel()
	const count = "count/replayprofiles.replay.restage.dev"
	ns := kube.Namespace(t, "e2e-quota")
	kube.Kubectl(t, "create", "namespace", ns)
	kube.MustApply(t, many(profileManifest, ns, "p", 2))
	kube.Kubectl(t, "-n", ns, "create", "quota", "profiles", "--hard="+count+"=3")
	used := func(want string) {
		t.Helper()
		kube.Eventually(t, time.Minute, want+" are counted", func() (bool, string) {
			var quota struct {
				Status struct{ Used map[string]string }
			}
			if err := json.Unmarshal([]byte(kube.Kubectl(t, "-n", ns, "get", "quota", "profiles", "-o", "json")), &quota); err != nil {
				t.Fatal(err)
			}
			return quota.Status.Used[count] == want, fmt.Sprint(quota.Status.Used)
		})
	}
	used("2")
	kube.MustApply(t, inNamespace(profileManifest, ns, "NAME", "third"))
	used("3")
	_, err := kube.Apply(t, inNamespace(profileManifest, ns, "NAME", "fourth"))
	if err == nil || !strings.Contains(err.Error(), "exceeded quota: profiles") || !strings.Contains(err.Error(), count+"=3") {
		t.Errorf("one more than the quota: %v", err)
	}
	kube.Kubectl(t, "-n", ns, "delete", "replayprofile", "p-0")
	used("2")
	noRefusals(t)
}

// TestReplayOwnsAnEnvironment: references within our own group are followed like those to the host's.
func TestReplayOwnsAnEnvironment(t *testing.T) {
	t.Parallel()
	ns := kube.Namespace(t, "e2e-owner")
	kube.MustApply(t, inNamespace(idleFront, ns))
	kube.MustApply(t, inNamespace(openSnapshotManifest, ns, "NAME", "open"))
	for policy, stays := range map[string]bool{"background": false, "foreground": false, "orphan": true} {
		kube.MustApply(t, inNamespace(replayManifest, ns, "NAME", policy))
		uid := kube.Kubectl(t, "-n", ns, "get", "trafficreplay", policy, "-o", "jsonpath={.metadata.uid}")
		owner := fmt.Sprintf("ownerReferences: [{apiVersion: replay.restage.dev/v1alpha1, kind: TrafficReplay, name: %s, uid: %s, blockOwnerDeletion: true}]", policy, uid)
		kube.MustApply(t, inNamespace(environmentManifest, ns, "NAME, namespace: NS", "of-"+policy+", namespace: "+ns+", "+owner))
		kube.Kubectl(t, "-n", ns, "delete", "trafficreplay", policy, "--cascade="+policy, "--timeout=60s")
		if stays {
			left := kube.Kubectl(t, "-n", ns, "get", "environment", "of-"+policy, "-o", "jsonpath={.metadata.ownerReferences}")
			if left != "" {
				t.Errorf("the orphan is owned by %s", left)
			}
			continue
		}
		kube.Kubectl(t, "-n", ns, "wait", "--for=delete", "environment/of-"+policy, "--timeout=60s")
	}
}
