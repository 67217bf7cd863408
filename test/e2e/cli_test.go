// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restage-dev/restage/test/kube"
)

// restage runs kubectl restage in the shop's namespace as kubectl does, and returns its exit code and what it printed.
func (s *shop) restage(t *testing.T, stdin string, args ...string) (code int, out, errOut string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "kubectl", append([]string{"restage"}, append(args, "-n", s.namespace)...)...)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(kube.Root(t), "bin")+":"+os.Getenv("PATH"))
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	t.Logf("kubectl restage %s: exit code %d\n%s%s", strings.Join(args, " "), code, stdout.String(), stderr.String())
	return code, stdout.String(), stderr.String()
}

// mustRestage runs a command that must end with a code, and fails the test unless its standard output has the parts.
func (s *shop) mustRestage(t *testing.T, code int, args []string, parts ...string) string {
	t.Helper()
	got, out, errOut := s.restage(t, "", args...)
	if got != code {
		t.Fatalf("%v: exit code %d, want %d: %s", args, got, code, errOut)
	}
	wantParts(t, args, out, parts)
	return out
}

func wantParts(t *testing.T, args []string, out string, parts []string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(out, part) {
			t.Errorf("%v: %q is not in:\n%s", args, part, out)
		}
	}
}

// runReplay is mustRestage for replay run of the snapshot monday; the standard output must also have the name with the verdict after it. One that
// is late is run again, see inTime. The name of the last is returned.
func (s *shop) runReplay(t *testing.T, code int, name, verdict string, flags []string, parts ...string) string {
	t.Helper()
	var args []string
	var got int
	var out, errOut string
	last := s.inTime(t, name, func(name string) {
		args = append([]string{"replay", "run", name, "--snapshot", "monday", "--profile", "podinfo", "--speed", "0.5"}, flags...)
		got, out, errOut = s.restage(t, "", args...)
	}).name
	if got != code {
		t.Fatalf("%v: exit code %d, want %d: %s", args, got, code, errOut)
	}
	wantParts(t, args, out, append(parts, last+" "+verdict+": "))
	return last
}

// TestCLIDailyWork is the daily work: record, cut a snapshot, replay it as it was, changed, and broken.
func TestCLIDailyWork(t *testing.T) {
	s := &shop{namespace: kube.Namespace(t, "e2e-cli")}
	kube.MustApply(t, strings.ReplaceAll(kube.DemoManifest(t, "shop.yaml", s.namespace), `    capture.restage.dev/enabled: "true"`, "    note: none"))
	kube.MustApply(t, kube.DemoManifest(t, "profile.yaml", s.namespace))
	s.kubectl(t, "rollout", "status", "deployment/back", "--timeout=120s")

	s.mustRestage(t, 0, []string{"capture", "start", "deploy/front"}, "deployment.apps/front annotated", "deployment.apps/front is recorded: 1 of 1 pods")
	s.mustRestage(t, 0, []string{"capture", "status", "deploy/front"}, "made from the annotation", "1 of 1 pods")
	s.visit(t)
	s.mustRestage(t, 0, []string{"snapshot", "create", "monday", "--workload", "deploy/front", "--last", "15m", "--wait"},
		"trafficsnapshot.replay.restage.dev/monday created", "trafficsnapshot.replay.restage.dev/monday is ready: ")
	s.closeBack(t)
	report := filepath.Join(t.TempDir(), "report.html")
	same := s.runReplay(t, 0, "same", "passed", []string{"--report", report}, "created")
	if page, err := os.ReadFile(report); err != nil || !bytes.Contains(page, []byte("<html")) {
		t.Errorf("the report is %.100s, error %v", page, err)
	}
	s.runReplay(t, 1, "changed", "failed", []string{"--image", "podinfo=localhost/restage/podinfo:next", "--env", "podinfo:PODINFO_DATA_PATH=/nowhere"},
		"POST /store", "ENDPOINT", "REQUEST")
	s.mustRestage(t, 2, []string{"replay", "run", "broken", "--snapshot", "monday", "--image", "localhost/restage/none:none", "--timeout", "20s"},
		"broken could not be judged: Timeout", "none:none")
	s.mustRestage(t, 0, []string{"replay", "list"}, "same", "Passed", "changed", "Failed")
	if code, _, errOut := s.restage(t, "", "replay", "list", "none"); code != 2 || !strings.Contains(errOut, `"none" not found`) {
		t.Errorf("a replay that is not there: exit code %d, %s", code, errOut)
	}
	s.mustRestage(t, 0, []string{"replay", "log", same, "--tail", "5"}, "Passed")

	har := filepath.Join(t.TempDir(), "monday.har")
	s.mustRestage(t, 0, []string{"snapshot", "records", "monday", "-o", "har", "-f", har})
	data, err := os.ReadFile(har)
	if err != nil {
		t.Fatal(err)
	}
	var archive struct {
		Log struct{ Entries []json.RawMessage }
	}
	if err := json.Unmarshal(data, &archive); err != nil || len(archive.Log.Entries) < 1000 {
		t.Errorf("HAR of %d entries, error %v", len(archive.Log.Entries), err)
	}
	s.mustRestage(t, 0, []string{"env", "plan", "--snapshot", "monday"}, "name: restage-init")
	s.mustRestage(t, 0, []string{"capture", "stop", "deploy/front"}, "deployment.apps/front is no longer recorded")
	if out := s.kubectl(t, "get", "deployment", "front", "-o", "yaml", "--show-managed-fields"); strings.Contains(out, "restage-") {
		t.Errorf("the capture left a trace:\n%s", out)
	}
}

// TestCLIInject takes a workload that is managed in Git through inject, the operator's recognition and uninject, as a pipe and in the cluster.
func TestCLIInject(t *testing.T) {
	t.Parallel()
	s := &shop{namespace: kube.Namespace(t, "e2e-inject")}
	original := strings.ReplaceAll(kube.DemoManifest(t, "shop.yaml", s.namespace), `  annotations:
    capture.restage.dev/enabled: "true"
`, "")
	kube.MustApply(t, original)
	injected := func(yaml string) string {
		code, out, errOut := s.restage(t, yaml, "inject", "-f", "-")
		if code != 0 {
			t.Fatal(errOut)
		}
		return out
	}
	first := injected(original)
	if second := injected(first); second != first {
		t.Error("injecting twice differs from once")
	}
	kube.MustApply(t, first)
	s.kubectl(t, "wait", "--for=create", "trafficcapture/front", "--timeout=60s")
	s.kubectl(t, "wait", "--for=condition=Ready", "trafficcapture/front", "--timeout=120s")
	if out := s.kubectl(t, "get", "deployment", "front", "-o", "yaml", "--show-managed-fields"); strings.Contains(out, "restage-capture") {
		t.Errorf("the operator has changed a workload that was injected in its manifest:\n%s", out)
	}
	if out := kube.MustApply(t, first); strings.Contains(out, "configured") {
		t.Errorf("applying the manifest again changes what the operator did: %s", out)
	}
	code, restored, errOut := s.restage(t, first, "uninject", "-f", "-")
	if code != 0 {
		t.Fatal(errOut)
	}
	kube.MustApply(t, restored)
	s.kubectl(t, "wait", "--for=delete", "trafficcapture/front", "--timeout=60s")
	if out := s.kubectl(t, "get", "deployment", "front", "-o", "yaml"); strings.Contains(out, "restage-proxy") {
		t.Errorf("the proxy is still there:\n%s", out)
	}

	s.kubectl(t, "rollout", "status", "deployment/front", "--timeout=120s")
	before := s.kubectl(t, "get", "deployment", "front", "-o", "jsonpath={.spec}")
	if !kube.HasPolicies(t) {
		code, _, errOut := s.restage(t, "", "inject", "deploy/front")
		if after := s.kubectl(t, "get", "deployment", "front", "-o", "jsonpath={.spec}"); code != 2 || !strings.Contains(errOut, "put the proxy into its manifest with -f") || after != before {
			t.Errorf("exit code %d: %s\nbefore %s\nafter  %s", code, errOut, before, after)
		}
		return
	}
	s.mustRestage(t, 0, []string{"inject", "deploy/front"}, "deployment.apps/front injected (server-side applied)")
	s.kubectl(t, "wait", "--for=create", "trafficcapture/front", "--timeout=60s")
	s.kubectl(t, "wait", "--for=condition=Ready", "trafficcapture/front", "--timeout=120s")
	s.mustRestage(t, 0, []string{"uninject", "deploy/front"}, "deployment.apps/front uninjected (server-side applied)")
	s.kubectl(t, "wait", "--for=delete", "trafficcapture/front", "--timeout=60s")
	if after := s.kubectl(t, "get", "deployment", "front", "-o", "jsonpath={.spec}"); after != before {
		t.Errorf("the workload is not as it was:\nbefore %s\nafter  %s", before, after)
	}
}
