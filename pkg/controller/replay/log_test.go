// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// followLog returns all lines of the run's log, and fails when the log has no end.
func (w *world) followLog() (lines []string) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	stream, err := trafficpb.NewReplaysClient(w.conn).GetLog(ctx, &trafficpb.GetLogRequest{Replay: objectRef(w.get()), Follow: true, Tail: -1})
	if err != nil {
		w.Fatal(err)
	}
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			w.Fatal(err)
		}
		for _, line := range response.GetLines() {
			lines = append(lines, line.GetSource()+": "+line.GetText())
		}
	}
}

func TestStepsAreLogged(t *testing.T) {
	for cleanup, end := range map[v1alpha1.CleanupPolicy]string{
		v1alpha1.CleanupRestore: "Restored is True, Restored: nothing that the replay made is left",
		v1alpha1.CleanupKeep:    "Restored is False, Kept: cleanup is Keep",
	} {
		w := newWorld(t, v1alpha1.TrafficReplaySpec{Cleanup: cleanup}, recorded())
		w.mustStep(3)
		w.environmentUp("run")
		w.mustStep(1)
		w.job(jobRunning())
		w.mustStep(1)
		w.handOver(passingReport())
		w.job(jobEnded(batchv1.JobComplete))
		w.until(1)
		w.mustStep(3)
		got := w.followLog()
		for _, want := range []string{
			`the replay of TrafficSnapshot "recorded" was taken up`,
			"EnvironmentReady is True, Ready",
			"Running is False, GeneratorStarting: the generator is being started",
			"Running is True, Replaying",
			"Passed is True, GoalsHold: 10 requests replayed; every goal holds",
			end,
		} {
			for len(got) > 0 && !strings.HasPrefix(got[0], "controller: "+want) {
				got = got[1:]
			}
			if len(got) == 0 {
				t.Errorf("the log lacks, or has not in its place: %s\n%s", want, strings.Join(w.followLog(), "\n"))
				break
			}
		}
	}
}
