// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

func TestCLIReplayPasses(t *testing.T) {
	createSnapshot(t, "cli-passes")
	done := make(chan struct{})
	go func() {
		defer close(done)
		operate(t, "cli-passes", environmentIs(metav1.ConditionFalse, "workload front: ImagePullBackOff"), environmentIs(metav1.ConditionTrue, "everything is ready"),
			runs(1, 4), runs(3, 4), ends(metav1.ConditionTrue, "GoalsHold", "4 requests replayed; every goal holds"))
	}()
	p := newPlugin(t)
	code := p.run(t.Context(), "replay", "run", "cli-passes", "--snapshot", "cli-passes", "--workload", "deploy/front", "--image", "app=example.com/app:2",
		"--env", "app:MESSAGE=next", "--test", "front", "--goal", "fast=summary.replayed.p99 < 1.0", "--speed", "2", "--timeout", "5m", "--build-tag", "b1", "--keep")
	<-done
	deleteLater(t, "cli-passes", client().TrafficReplays(namespace).Delete)
	if code != 0 {
		t.Fatalf("exit code %d: %s%s", code, p.out.String(), p.err.String())
	}
	contains(t, p.out.String(), "trafficreplay.replay.restage.dev/cli-passes created\n", "trafficreplay.replay.restage.dev/cli-passes passed: 4 requests replayed; every goal holds\n")
	contains(t, p.err.String(), "environment: everything is ready\n", "3 of 4 (75%), 7 requests/s\n", "the report cannot be read")

	replay, err := client().TrafficReplays(namespace).Get(t.Context(), "cli-passes", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w := replay.Spec.Workloads[0]
	if w.Ref.Name != "front" || w.Containers[0].Image != "example.com/app:2" || w.Containers[0].Env[0].Value != "next" || w.Tests[0] != "front" ||
		replay.Spec.Profile.Load.Speed != "2" || replay.Spec.Profile.Goals[0].Name != "fast" || replay.Spec.Timeout.Minutes() != 5 ||
		replay.Spec.BuildTag != "b1" || replay.Spec.Cleanup != v1alpha1.CleanupKeep {
		t.Errorf("the replay is %+v", replay.Spec)
	}
	cliRun(t, 0, "replay", "watch", "cli-passes")
}

func TestCLIReplayFails(t *testing.T) {
	createSnapshot(t, "cli-fails")
	done := make(chan struct{})
	go func() {
		defer close(done)
		operate(t, "cli-fails", func(*v1alpha1.TrafficReplay) { putReport(t, "cli-fails", []byte(failedReport)) },
			ends(metav1.ConditionFalse, "GoalsFailed", "1 of 2 responses differ: GET /<b> (1)"))
	}()
	file := filepath.Join(t.TempDir(), "report.xml")
	p := newPlugin(t)
	code := p.run(t.Context(), "replay", "run", "cli-fails", "--snapshot", "cli-fails", "--report", file)
	<-done
	deleteLater(t, "cli-fails", client().TrafficReplays(namespace).Delete)
	if code != 1 {
		t.Errorf("exit code %d: %s%s", code, p.out.String(), p.err.String())
	}
	contains(t, p.out.String(), "cli-fails failed: 1 of 2 responses differ: GET /<b> (1)\n", "also Fast: goal Fast does not hold\n",
		"requests: 2, 0 without a response, 1 differing;", "ENDPOINT", "REQUEST", "GET /<b>", "status", "200", "500")
	var suites struct {
		Failures int `xml:"failures,attr"`
	}
	if err := xml.Unmarshal([]byte(readFile(t, file)), &suites); err != nil || suites.Failures != 2 {
		t.Errorf("JUnit has %d failures, error %v", suites.Failures, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the report is there with mode %v, error %v", info.Mode(), err)
	}

	contains(t, cliRun(t, 0, "replay", "report", "cli-fails"), "cli-fails failed: ", "GET /<b>")
	if got := cliRun(t, 0, "replay", "report", "cli-fails", "-o", "json"); got != failedReport {
		t.Errorf("the report is %s", got)
	}
	html := filepath.Join(t.TempDir(), "report.html")
	cliRun(t, 0, "replay", "report", "cli-fails", "-o", "html", "-f", html)
	contains(t, readFile(t, html), "<html", "GET /&lt;b&gt;")
	cliRun(t, 1, "replay", "watch", "cli-fails")
}

func TestCLIReplayCannotRun(t *testing.T) {
	createSnapshot(t, "cli-cannot")
	done := make(chan struct{})
	go func() {
		defer close(done)
		operate(t, "cli-cannot", ends(metav1.ConditionFalse, "Timeout", "the replay did not end within 1m0s: ErrImagePull"))
	}()
	p := newPlugin(t)
	code := p.run(t.Context(), "replay", "run", "cli-cannot", "--snapshot", "cli-cannot", "-o", "json")
	<-done
	deleteLater(t, "cli-cannot", client().TrafficReplays(namespace).Delete)
	contains(t, p.err.String(), "could not be judged: Timeout: the replay did not end within 1m0s: ErrImagePull")
	var replay v1alpha1.TrafficReplay
	if err := json.Unmarshal([]byte(p.out.String()), &replay); code != 2 || err != nil || replay.Status.Phase != v1alpha1.PhaseError {
		t.Errorf("exit code %d, error %v: %s", code, err, p.out.String())
	}
}

// An interrupt cancels the replay and waits for its end; with --detach the replay goes on.
func TestCLIReplayInterrupted(t *testing.T) {
	for name, detach := range map[string]bool{"cli-interrupted": false, "cli-detached": true} {
		t.Run(name, func(t *testing.T) {
			createSnapshot(t, name)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			done := make(chan struct{})
			go func() {
				defer close(done)
				operate(t, name, runs(1, 4))
				interrupt()
				if detach {
					return
				}
				for cancelRequest(t, name) == nil && t.Context().Err() == nil {
					await(t, cliTimeout/1000)
				}
				operate(t, name, ends(metav1.ConditionFalse, v1alpha1.ReasonCancelled, "somebody asked"))
			}()
			p := newPlugin(t)
			code := p.run(ctx, "replay", "run", name, "--snapshot", name, "--detach="+map[bool]string{true: "true", false: "false"}[detach])
			<-done
			deleteLater(t, name, client().TrafficReplays(namespace).Delete)
			if code != 2 {
				t.Errorf("exit code %d", code)
			}
			if detach {
				contains(t, p.err.String(), "the replay goes on: kubectl restage replay watch cli-detached")
				if cancelRequest(t, name) != nil {
					t.Error("the replay was cancelled")
				}
				return
			}
			contains(t, p.err.String(), "interrupted; cancelling trafficreplay.replay.restage.dev/"+name)
			contains(t, p.out.String(), "was cancelled: somebody asked")
		})
	}
}

func TestCLIReplayDryRun(t *testing.T) {
	createSnapshot(t, "cli-dry")
	for _, strategy := range []string{"client", "server"} {
		out := cliRun(t, 0, "replay", "run", "cli-dry", "--snapshot", "cli-dry", "--image", "example.com/app:2", "--dry-run="+strategy, "-o", "yaml")
		var replay v1alpha1.TrafficReplay
		if err := yaml.UnmarshalStrict([]byte(out), &replay); err != nil {
			t.Fatal(err)
		}
		if replay.Kind != "TrafficReplay" || replay.Spec.Workloads[0].Containers[0].Image != "example.com/app:2" || (replay.Spec.Mode != "") != (strategy == "server") {
			t.Errorf("%s: %s", strategy, out)
		}
		if _, err := client().TrafficReplays(namespace).Get(t.Context(), "cli-dry", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("%s: the replay was made, error %v", strategy, err)
		}
	}
	contains(t, cliRun(t, 0, "replay", "run", "cli-dry", "--snapshot", "cli-dry", "--dry-run=server"), "trafficreplay.replay.restage.dev/cli-dry created (server dry run)")
	manifest := filepath.Join(t.TempDir(), "replay.yaml")
	if err := os.WriteFile(manifest, []byte("apiVersion: replay.restage.dev/v1alpha1\nkind: TrafficReplay\nmetadata: {generateName: cli-dry-}\nspec: {snapshotName: cli-dry}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := cliRun(t, 0, "replay", "run", "-f", manifest, "--wait=false", "-o", "name")
	name := strings.TrimSpace(strings.TrimPrefix(out, "trafficreplay.replay.restage.dev/"))
	if !strings.HasPrefix(name, "cli-dry-") {
		t.Fatalf("the name is %q", out)
	}
	contains(t, cliRun(t, 0, "replay", "cancel", name, "--reason", "enough"), name+" cancelled\n")
	if condition := cancelRequest(t, name); condition == nil || !strings.HasSuffix(condition.Message, ": enough") {
		t.Errorf("the condition is %+v", condition)
	}
	contains(t, cliRun(t, 0, "replay", "delete", name), `trafficreplay.replay.restage.dev "`+name+`" deleted`)
}

func TestCLIReplayRefuses(t *testing.T) {
	createReplay(t, newReplay("cli-there", createSnapshot(t, "cli-there")))
	for want, args := range map[string][]string{
		"--snapshot: must name":             {"run"},
		`--mode "half": must be Full`:       {"run", "--snapshot", "x", "--mode", "half"},
		`--goal "fast": must be NAME=`:      {"run", "--snapshot", "x", "--goal", "fast"},
		`--report "a.txt": must end in`:     {"run", "--snapshot", "x", "--report", "a.txt"},
		"--snapshot does not go with --fil": {"run", "--snapshot", "x", "-f", "y"},
		"no such file":                      {"run", "-f", "/none.yaml"},
		`--dry-run "maybe": must be none`:   {"run", "--snapshot", "x", "--dry-run=maybe"},
		`"x" not found`:                     {"run", "--snapshot", "x", "--image", "y"},
		"there are cli-there":               {"report", "missing", "-o", "json"},
		`-o "pdf": must be json, html`:      {"report", "cli-there", "-o", "pdf"},
		"has no report":                     {"report", "cli-there"},
		"--tail -3: must not be":            {"log", "cli-there", "--tail", "-3"},
		`"missing" not found; there are`:    {"watch", "missing"},
		"not found":                         {"cancel", "missing"},
	} {
		cliFails(t, want, append([]string{"replay"}, args...)...)
	}
}

func TestCLIListsAsKubectl(t *testing.T) {
	createReplay(t, newReplay("cli-listed", createSnapshot(t, "cli-listed")))
	for want, args := range map[string][]string{
		"PROGRESS": {"list"},
		"ESCAPED":  {"list", "cli-listed", "-o", "wide"},
		"trafficreplay.replay.restage.dev/cli-listed\n": {"list", "cli-listed", "-o", "name"},
		"snapshotName: cli-listed":                      {"get", "cli-listed", "-o", "yaml"},
		"cli-listed Full":                               {"list", "cli-listed", "-o", "jsonpath={.metadata.name} {.spec.mode}"},
		"OF\ncli-listed\n":                              {"list", "--field-selector", "metadata.name=cli-listed", "-o", "custom-columns=OF:.spec.snapshotName"},
	} {
		contains(t, cliRun(t, 0, append([]string{"replay"}, args...)...), want)
	}
	contains(t, cliRun(t, 0, "snapshot", "list", "cli-listed"), "INBOUND")
}

func TestCLILog(t *testing.T) {
	replay := createReplay(t, newReplay("cli-logged", createSnapshot(t, "cli-logged")))
	appendLog(t, replay, true, "one", "two")
	for _, args := range [][]string{{}, {"-f"}, {"--since", "1h"}} {
		contains(t, cliRun(t, 0, append([]string{"replay", "log", "cli-logged"}, args...)...), "controller: one\n", "controller: two\n")
	}
	if out := cliRun(t, 0, "replay", "log", "cli-logged", "--tail", "1"); strings.Contains(out, "one") || strings.Count(out, "\n") != 1 {
		t.Errorf("one line is %q", out)
	}
}

func TestCLICompletes(t *testing.T) {
	createReplay(t, newReplay("cli-completed", createSnapshot(t, "cli-completed")))
	makeReady(t, "cli-completed", v1alpha1.Slice{Key: "front:9898", Direction: v1alpha1.DirectionInbound, Protocol: "http/1.1"},
		v1alpha1.Slice{Key: "back:9898", Direction: v1alpha1.DirectionOutbound, Protocol: "http/1.1"})
	for want, args := range map[string][]string{
		"cli-completed\n":                {"replay", "report", ""},
		"cli-completed\n:":               {"replay", "run", "--snapshot", ""},
		"front:9898\n:":                  {"replay", "run", "--snapshot", "cli-completed", "--test", ""},
		"back:9898\n:":                   {"env", "create", "x", "--snapshot", "cli-completed", "--mock", ""},
		"front:9898\nback:9898\n":        {"snapshot", "records", "cli-completed", "--key", ""},
		"MocksOnly\n":                    {"replay", "run", "--mode", ""},
		"watch\tWait for the verdict of": {"replay", ""},
	} {
		p := newPlugin(t)
		t.Setenv("KUBECONFIG", p.kubeconfig)
		p.exact(t.Context(), append([]string{"__complete"}, args...)...)
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("%v: %q is not in %s", args, want, p.out.String())
		}
	}
}
