// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

func TestCLISnapshotCreate(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for t.Context().Err() == nil {
			if _, err := client().TrafficSnapshots(namespace).Get(t.Context(), "cli-cut", metav1.GetOptions{}); err == nil {
				makeReady(t, "cli-cut")
				return
			}
			await(t, cliTimeout/1000)
		}
	}()
	out := cliRun(t, 0, "snapshot", "create", "cli-cut", "--workload", "deploy/front", "--last", "15m", "--wait")
	<-done
	deleteLater(t, "cli-cut", client().TrafficSnapshots(namespace).Delete)
	contains(t, out, "trafficsnapshot.replay.restage.dev/cli-cut created\n", "trafficsnapshot.replay.restage.dev/cli-cut is ready: 0 requests")

	contains(t, cliRun(t, 0, "snapshot", "create", "noon", "--workload", "front", "--since", "2026-05-04T12:00:00Z", "--until", "2026-05-04T12:10:00Z", "--dry-run=client", "-o", "yaml"),
		`startTime: "2026-05-04T12:00:00Z"`, `endTime: "2026-05-04T12:10:00Z"`, "name: front")
	for want, args := range map[string][]string{
		"--workload: must name":             {"--last", "1m"},
		`--workload: "cm/db"`:               {"--workload", "cm/db", "--last", "1m"},
		"--last and --since: give one":      {"--workload", "front"},
		"--until: needs --since":            {"--workload", "front", "--last", "1m", "--until", "1m"},
		"--last -1m0s: must be positive":    {"--workload", "front", "--last", "-1m"},
		`--since "noon": must be a time`:    {"--workload", "front", "--since", "noon"},
		`--until "2h": must be after`:       {"--workload", "front", "--since", "1h", "--until", "2h"},
		"is not ready within 200ms: the op": {"--workload", "front", "--last", "1m", "--wait", "--timeout", "200ms"},
	} {
		cliFails(t, want, append([]string{"snapshot", "create", "cli-refused"}, args...)...)
	}
	cliRun(t, 0, "snapshot", "delete", "cli-refused")
}

// records reads what a snapshot holds in one page.
func rawRecords(t *testing.T, name, query string) string {
	t.Helper()
	body, err := io.ReadAll(get(t, base+"/trafficsnapshots/"+name+"/records?limit=10000"+query, "").Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestCLIRecords(t *testing.T) {
	const count, size = 60, 100 << 10 // so that they do not fit into one page
	cutSnapshot(t, "cli-records", recording(21, count, size))
	file := filepath.Join(t.TempDir(), "records.ndjson")
	cliRun(t, 0, "snapshot", "records", "cli-records", "-f", file)
	lines := strings.Split(strings.TrimSpace(readFile(t, file)), "\n")
	if len(lines) != count {
		t.Fatalf("%d records, want %d", len(lines), count)
	}
	seen := map[string]bool{}
	for _, line := range lines {
		var record struct{ ID string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || seen[record.ID] {
			t.Fatalf("record %q, error %v", record.ID, err)
		}
		seen[record.ID] = true
	}

	var archive struct {
		Log struct {
			Version string
			Entries []struct {
				ID string `json:"_id"`
			}
		}
	}
	if err := json.Unmarshal([]byte(cliRun(t, 0, "snapshot", "records", "cli-records", "-o", "har")), &archive); err != nil {
		t.Fatal(err)
	}
	if archive.Log.Version != "1.2" || len(archive.Log.Entries) != count || archive.Log.Entries[count-1].ID != strconv.Itoa(count-1) {
		t.Errorf("HAR %s with %d entries", archive.Log.Version, len(archive.Log.Entries))
	}

	for want, args := range map[int][]string{
		45: {"--limit", "45"}, 20: {"--direction", "Outbound"}, 0: {"--status", "404"}, 1: {"--path", "/orders/7"}, 2: {"--limit", "2", "--key", "back"},
	} {
		out := cliRun(t, 0, append([]string{"snapshot", "records", "cli-records"}, args...)...)
		if got := strings.Count(out, "\n"); got != want {
			t.Errorf("%v: %d records, want %d", args, got, want)
		}
	}
	contains(t, cliRun(t, 0, "snapshot", "records", "cli-records", "-o", "har", "--status", "404"), `"entries":[`)
	cliFails(t, `-o "csv": must be ndjson or har`, "snapshot", "records", "cli-records", "-o", "csv")
	cliFails(t, "direction", "snapshot", "records", "cli-records", "--direction", "Sideways")
	cliFails(t, `"none" not found; there are`, "snapshot", "records", "none")
}

func TestCLIUpload(t *testing.T) {
	cutSnapshot(t, "cli-source", recording(22, 60, 100<<10))
	file := filepath.Join(t.TempDir(), "source.ndjson")
	cliRun(t, 0, "snapshot", "records", "cli-source", "-f", file)
	data := readFile(t, file)

	// the whole of it, with a snapshot that is made
	contains(t, cliRun(t, 0, "snapshot", "upload", "cli-copy", file, "--workload", "deploy/front", "--wait=false"),
		"trafficsnapshot.replay.restage.dev/cli-copy created\n", "trafficsnapshot.replay.restage.dev/cli-copy uploaded\n")
	deleteLater(t, "cli-copy", client().TrafficSnapshots(namespace).Delete)
	takeUpload(t, "cli-copy")
	if rawRecords(t, "cli-copy", "&path=/orders/59") != rawRecords(t, "cli-source", "&path=/orders/59") {
		t.Error("a record did not come back as it was")
	}

	// the rest of it, after another client was interrupted
	path := createUpload(t, "cli-resumed")
	if response, body := send(t, http.MethodPost, path, strings.NewReader(data[:1000]), "Upload-Complete", "?0", "Upload-Length", strconv.Itoa(len(data))); response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", response.Status, body)
	}
	cliRun(t, 0, "snapshot", "upload", "cli-resumed", file, "--resume", "--wait=false")
	takeUpload(t, "cli-resumed")
	if got := strings.Count(cliRun(t, 0, "snapshot", "records", "cli-resumed"), "\n"); got != 60 {
		t.Errorf("%d records, want 60", got)
	}

	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	path = createUpload(t, "cli-longer")
	send(t, http.MethodPost, path, strings.NewReader(data[:1000]), "Upload-Complete", "?0")
	cliFails(t, "--resume: 1000 bytes have come already", "snapshot", "upload", "cli-longer", short, "--resume")
	cliFails(t, "spec.upload: TrafficSnapshot \"cli-source\" has none", "snapshot", "upload", "cli-source", file)
	cliFails(t, "must be a file of records", "snapshot", "upload", "x", t.TempDir())
	cliFails(t, "--port: needs --workload", "snapshot", "upload", "x", file, "--port", "80")
}

func TestCLIEnvironment(t *testing.T) {
	createSnapshot(t, "cli-env")
	plan := cliRun(t, 0, "env", "plan", "--snapshot", "cli-env", "--image", "example.com/app:2")
	contains(t, plan, "# workload front, a copy of Deployment front\n", "name: restage-init", "image: example.com/app:2")
	if list, err := client().Environments(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=plan"}); err != nil || len(list.Items) > 0 {
		t.Errorf("a plan made %d environments, error %v", len(list.Items), err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		readyEnvironment(t, "cli-env")
	}()
	out := cliRun(t, 0, "env", "create", "cli-env", "--snapshot", "cli-env", "--on-miss", "502", "--no-latency", "--wait")
	<-done
	deleteLater(t, "cli-env", client().Environments(namespace).Delete)
	contains(t, out, "environment.replay.restage.dev/cli-env created\n", "environment.replay.restage.dev/cli-env is ready\n", "front takes requests at http://cli-env-front.shop.svc:9898\n")
	environment, err := client().Environments(namespace).Get(t.Context(), "cli-env", metav1.GetOptions{})
	if err != nil || *environment.Spec.Responder.MissStatus != 502 || environment.Spec.Responder.Latency != v1alpha1.LatencyNone {
		t.Errorf("the environment is %+v, error %v", environment.Spec, err)
	}
	contains(t, cliRun(t, 0, "env", "show", "cli-env"), "snapshot:     cli-env\n", "front, a copy of Deployment front", "ready:        True, Ready")
	contains(t, cliRun(t, 0, "env", "show", "cli-env", "--templates"), "name: restage-init")
	contains(t, cliRun(t, 0, "env", "list"), "SNAPSHOT", "cli-env")
	cliFails(t, `--on-miss "maybe": must be fail or`, "env", "create", "x", "--snapshot", "cli-env", "--on-miss", "maybe")
	cliFails(t, "--snapshot: must name", "env", "plan")
	cliFails(t, "there are cli-env", "env", "show", "none")
	cliRun(t, 0, "env", "delete", "cli-env")
}

// readyEnvironment waits for an environment and makes it ready as the operator does.
func readyEnvironment(t *testing.T, name string) {
	ctx := t.Context()
	c := client().Environments(namespace)
	for ctx.Err() == nil {
		environment, err := c.Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			setCondition(&environment.Status.Conditions, v1alpha1.ConditionReady, metav1.ConditionTrue, "Ready")
			environment.Status.Endpoints = []v1alpha1.EnvironmentEndpoint{{Workload: "front", Host: name + "-front.shop.svc", Ports: []int32{9898}}}
			if _, err := c.UpdateStatus(ctx, environment, metav1.UpdateOptions{}); err != nil {
				t.Error(err)
			}
			return
		}
		await(t, cliTimeout/1000)
	}
}
