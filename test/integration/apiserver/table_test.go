// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// table reads objects as kubectl get does. The rows hold the cells by the name of their column.
func table(t *testing.T, path string) (columns []metav1.TableColumnDefinition, rows []map[string]string) {
	t.Helper()
	data, err := server.Client.Discovery().RESTClient().Get().AbsPath("/apis/replay.restage.dev/v1alpha1/"+path).
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var decoded metav1.Table
	if err := json.Unmarshal(data, &decoded); err != nil {
		t.Fatal(err)
	}
	for _, row := range decoded.Rows {
		if len(row.Cells) != len(decoded.ColumnDefinitions) {
			t.Fatalf("%s: %d cells under %d columns", path, len(row.Cells), len(decoded.ColumnDefinitions))
		}
		cells := map[string]string{}
		for i, cell := range row.Cells {
			cells[decoded.ColumnDefinitions[i].Name] = fmt.Sprint(cell)
		}
		rows = append(rows, cells)
	}
	return decoded.ColumnDefinitions, rows
}

func expectCells(t *testing.T, path string, want map[string]string) {
	t.Helper()
	_, rows := table(t, path)
	if len(rows) != 1 {
		t.Fatalf("%s: %d rows", path, len(rows))
	}
	for column, value := range want {
		if rows[0][column] != value {
			t.Errorf("%s: column %s is %q, want %q", path, column, rows[0][column], value)
		}
	}
}

func TestReplayTable(t *testing.T) {
	c := client().TrafficReplays(namespace)
	replay := createReplay(t, newReplay("table", createSnapshot(t, "table")))
	path := "namespaces/shop/trafficreplays/table"
	expectCells(t, path, map[string]string{
		"Name": "table", "Snapshot": "table", "Progress": "<none>", "Verdict": "Pending", "Requests": "<none>", "P99": "<none>", "Mode": "Full", "Build": "<none>",
	})

	update := func(change func(*v1alpha1.TrafficReplayStatus)) {
		t.Helper()
		change(&replay.Status)
		var err error
		if replay, err = c.UpdateStatus(t.Context(), replay, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	update(func(s *v1alpha1.TrafficReplayStatus) {
		s.EnvironmentName = "table"
		s.Progress = &v1alpha1.ReplayProgress{Sent: 43, Total: 100, Percent: 43}
		setCondition(&s.Conditions, v1alpha1.ReplayRunning, metav1.ConditionTrue, "Sending")
	})
	expectCells(t, path, map[string]string{"Progress": "43%", "Verdict": "Running", "Environment": "table"})

	update(func(s *v1alpha1.TrafficReplayStatus) {
		s.Summary = &v1alpha1.ReplaySummary{
			Requests: 1000, Differing: 7, Matches: v1alpha1.MatchSummary{Percent: "99.70"},
			Replayed: v1alpha1.LatencySummary{P99: metav1.Duration{Duration: 12345678 * time.Nanosecond}},
			Egress:   v1alpha1.EgressCounts{Escaped: 0},
		}
		setCondition(&s.Conditions, v1alpha1.ReplayComplete, metav1.ConditionTrue, "Ended")
		setCondition(&s.Conditions, v1alpha1.ReplayPassed, metav1.ConditionFalse, "GoalsFailed")
	})
	expectCells(t, path, map[string]string{
		"Verdict": "Failed", "Requests": "1000", "Differing": "7", "Match": "99.70%", "P99": "12.3ms", "Escaped": "0",
	})
	expectCells(t, path+"/status", map[string]string{"Verdict": "Failed"})

	update(func(s *v1alpha1.TrafficReplayStatus) {
		setCondition(&s.Conditions, v1alpha1.ReplayPassed, metav1.ConditionFalse, "Timeout")
	})
	expectCells(t, path, map[string]string{"Verdict": "Error: Timeout"})
	update(func(s *v1alpha1.TrafficReplayStatus) {
		setCondition(&s.Conditions, v1alpha1.ReplayPassed, metav1.ConditionTrue, "GoalsHold")
	})
	expectCells(t, path, map[string]string{"Verdict": "Passed"})
}

func TestSnapshotTable(t *testing.T) {
	name := createSnapshot(t, "table")
	snapshot, err := client().TrafficSnapshots(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	snapshot.Status = v1alpha1.TrafficSnapshotStatus{
		Inbound: 10, Outbound: 20, SizeBytes: 3 << 20, Completeness: &v1alpha1.Completeness{Percent: "99.90"},
	}
	setCondition(&snapshot.Status.Conditions, v1alpha1.ConditionReady, metav1.ConditionTrue, "Cut")
	if _, err := client().TrafficSnapshots(namespace).UpdateStatus(t.Context(), snapshot, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	expectCells(t, "namespaces/shop/trafficsnapshots/table", map[string]string{
		"Workload": "front", "Ready": "True", "Inbound": "10", "Outbound": "20", "Complete": "99.90%", "Size": "3.0MiB", "Reason": "Cut", "From": "<none>",
	})
}

func TestTablesOfOtherKinds(t *testing.T) {
	ctx := t.Context()
	class := newClass("tabled")
	class.Annotations = map[string]string{v1alpha1.AnnotationDefaultClass: "true"}
	class.Spec.MaxTimeout = &metav1.Duration{Duration: time.Hour}
	createClass(t, class)
	expectCells(t, "environmentclasses/tabled", map[string]string{"Default": "yes", "Pull": "IfNotPresent", "Interception": "Auto", "Timeout": "1h0m0s"})

	if _, err := client().TrafficCaptures(namespace).Create(ctx, newCapture("tabled"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	deleteLater(t, "tabled", client().TrafficCaptures(namespace).Delete)
	expectCells(t, "namespaces/shop/trafficcaptures/tabled", map[string]string{"Workload": "front", "Recording": "0/0", "Ready": "<none>", "Reason": "<none>"})

	if _, err := client().ReplayProfiles(namespace).Create(ctx, newProfile("tabled"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	deleteLater(t, "tabled", client().ReplayProfiles(namespace).Delete)
	expectCells(t, "namespaces/shop/replayprofiles/tabled", map[string]string{"Speed": "1", "Miss": "Fail", "Goals": "0", "Timeout": "30s", "Headers": "Content-Type,Location"})

	environment := newEnvironment("tabled", createSnapshot(t, "tabled"))
	if _, err := client().Environments(namespace).Create(ctx, environment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	deleteLater(t, "tabled", client().Environments(namespace).Delete)
	expectCells(t, "namespaces/shop/environments/tabled", map[string]string{"Class": "tabled", "Snapshot": "tabled", "Workloads": "front"})
}
