// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"io"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	state "github.com/restage-dev/restage/pkg/status"
	"github.com/restage-dev/restage/pkg/units"
)

const none = "<none>"

// table collects rows for people; the columns from wide on are shown with -o wide.
type table struct {
	header []string
	rows   [][]string
	wide   int
}

// show writes four tables, and a fifth when pods keep the proxy.
func show(out io.Writer, s state.Status, wide bool, now time.Time) error {
	tables := []table{components(s, now), storage(s), captures(s, now), replays(s, now)}
	if len(s.Kept) > 0 {
		tables = append(tables, keeping(s))
	}
	for i, t := range tables {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := t.write(out, wide); err != nil {
			return err
		}
	}
	return nil
}

func (t table) write(out io.Writer, wide bool) error {
	columns := t.wide
	if wide {
		columns = len(t.header)
	}
	w := printers.GetNewTabWriter(out)
	fmt.Fprintln(w, strings.Join(t.header[:columns], "\t"))
	for _, row := range t.rows {
		fmt.Fprintln(w, strings.Join(row[:columns], "\t"))
	}
	return w.Flush()
}

func components(s state.Status, now time.Time) table {
	t := table{header: []string{"COMPONENT", "READY", "VERSION", "SINCE", "IMAGE"}, wide: 4}
	for _, c := range s.Components {
		t.rows = append(t.rows, []string{c.Name, fmt.Sprintf("%d/%d", c.Ready, c.Replicas), orNone(c.Version), age(c.Since, now), c.Image})
	}
	return t
}

// storage is what traffic takes, of the workloads and snapshots that are told of.
func storage(s state.Status) table {
	where := s.StorageURL
	if where == "" {
		where = "volume of the forwarder"
	}
	return table{header: []string{"STORAGE", "TRAFFIC", "SNAPSHOTS", "IN SNAPSHOTS"}, wide: 4, rows: [][]string{
		{where, units.Bytes(s.TrafficBytes), fmt.Sprint(s.Snapshots), units.Bytes(s.SnapshotBytes)},
	}}
}

func captures(s state.Status, now time.Time) table {
	t := table{header: []string{"RECORDED", "NAMESPACE", "READY", "PODS", "RECORDS", "RATE", "SIZE", "DROPPED", "LAST RECORD", "REASON"}, wide: 9}
	for _, c := range s.Captures {
		t.rows = append(t.rows, []string{
			c.Workload, c.Namespace, fmt.Sprintf("%t", c.Ready), fmt.Sprintf("%d/%d", c.RecordingPods, c.Pods), fmt.Sprint(c.Records),
			fmt.Sprintf("%d/s", c.Rate), units.Bytes(c.SizeBytes), fmt.Sprint(c.Dropped),
			age(c.LastRecord, now), orNone(c.Reason),
		})
	}
	return t
}

func replays(s state.Status, now time.Time) table {
	t := table{header: []string{"REPLAY", "NAMESPACE", "SNAPSHOT", "PHASE", "PROGRESS", "RATE", "STARTED", "ENDED", "REASON"}, wide: 8}
	for _, r := range s.Replays {
		t.rows = append(t.rows, []string{
			r.Name, r.Namespace, r.Snapshot, orNone(r.Phase), fmt.Sprintf("%d%%", r.Percent), fmt.Sprintf("%d/s", r.Rate), age(r.Started, now), age(r.Ended, now), orNone(r.Reason),
		})
	}
	return t
}

// keeping are the pods that keep the proxy until they are replaced.
func keeping(s state.Status) table {
	t := table{header: []string{"KEEPS THE PROXY", "NAMESPACE", "PODS", "REPLACED BY"}, wide: 4}
	for _, k := range s.Kept {
		t.rows = append(t.rows, []string{k.Workload.Kind + " " + k.Workload.Name, k.Namespace, fmt.Sprint(len(k.Names)), k.Command})
	}
	return t
}

// age is how long ago something was.
func age(t *metav1.Time, now time.Time) string {
	if t == nil || t.IsZero() {
		return none
	}
	return duration.HumanDuration(now.Sub(t.Time))
}

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}
