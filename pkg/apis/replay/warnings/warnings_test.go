// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package warnings

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

func TestForTrafficReplay(t *testing.T) {
	image := func(name string) func(*replay.TrafficReplaySpec) {
		return func(s *replay.TrafficReplaySpec) {
			s.Workloads = []replay.EnvironmentWorkload{{Containers: []replay.ContainerOverride{{Name: "side"}, {Image: name}}}}
		}
	}
	ttl := func(d time.Duration, cleanup replay.CleanupPolicy) func(*replay.TrafficReplaySpec) {
		return func(s *replay.TrafficReplaySpec) {
			s.TTLAfterFinished, s.Cleanup = &metav1.Duration{Duration: d}, cleanup
		}
	}
	const atImage = "spec.workloads[0].containers[1].image: "
	for _, test := range []struct {
		name   string
		change func(*replay.TrafficReplaySpec)
		want   string // the beginning of the only warning; none when it is empty
	}{
		{"nothing", func(*replay.TrafficReplaySpec) {}, ""},
		{"deleted at once", ttl(0, replay.CleanupRestore), "spec.ttlAfterFinished: 0s deletes the replay"},
		{"deleted later", ttl(time.Hour, replay.CleanupRestore), ""},
		{"kept and deleted", ttl(time.Hour, replay.CleanupKeep), "spec.cleanup: Keep leaves the environment in place only until the replay is deleted, which spec.ttlAfterFinished does 1h0m0s"},
		{"kept", func(s *replay.TrafficReplaySpec) { s.Cleanup = replay.CleanupKeep }, ""},
		{"speed", func(s *replay.TrafficReplaySpec) {
			s.Profile = &replay.ReplayProfileSpec{Load: replay.LoadProfile{Speed: "10.5"}}
		}, "spec.profile.load.speed: at 10.5 times the recorded pace"},
		{"no tag", image("example.com:5000/app"), atImage + `"example.com:5000/app" may be another image tomorrow`},
		{"latest", image("app:latest"), atImage},
		{"tag", image("example.com:5000/app:1"), ""},
		{"digest", image("app@sha256:" + strings.Repeat("0", 64)), ""},
		{"latest with a digest", image("app:latest@sha256:" + strings.Repeat("0", 64)), ""},
		{"no image at all", image("UPPER//"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &replay.TrafficReplay{Spec: replay.TrafficReplaySpec{Mode: replay.ModeFull, Cleanup: replay.CleanupRestore}}
			test.change(&r.Spec)
			check(t, ForTrafficReplay(r), test.want)
		})
	}
}

func TestForReplayProfile(t *testing.T) {
	status := func(policy replay.MissPolicy, code int32) replay.ReplayProfileSpec {
		return replay.ReplayProfileSpec{Responder: replay.ResponderProfile{OnMiss: policy, MissStatus: &code}}
	}
	goal := func(expression string) replay.ReplayProfileSpec {
		return replay.ReplayProfileSpec{Goals: []replay.Goal{{Name: "g", Expression: expression}}}
	}
	for _, test := range []struct {
		name string
		spec replay.ReplayProfileSpec
		want string
	}{
		{"nothing", replay.ReplayProfileSpec{}, ""},
		{"speed", replay.ReplayProfileSpec{Load: replay.LoadProfile{Speed: "100"}}, "spec.load.speed: "},
		{"ten times", replay.ReplayProfileSpec{Load: replay.LoadProfile{Speed: "10"}}, ""},
		{"failing miss", status(replay.MissStatus, 502), ""},
		{"succeeding miss", status(replay.MissStatus, 204), "spec.responder.missStatus: 204 tells the workload"},
		{"succeeding miss of whatever policy", status("", 200), "spec.responder.missStatus: 200"},
		{"goal", goal("summary.differing == 0"), ""},
		{"constant goal", goal("true"), `spec.goals[0].expression: "true" does not look at the summary`},
		{"constant goal in words", goal("[1, 2].all(summary, summary > 0) || 1 < 2"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, ForReplayProfile(&replay.ReplayProfile{Spec: test.spec}), test.want)
		})
	}
}

func TestForEnvironment(t *testing.T) {
	code := int32(200)
	e := &replay.Environment{Spec: replay.EnvironmentSpec{
		Workloads: []replay.EnvironmentWorkload{{Containers: []replay.ContainerOverride{{Image: "app"}}}},
		Responder: replay.ResponderProfile{OnMiss: replay.MissStatus, MissStatus: &code},
	}}
	if got := ForEnvironment(e); len(got) != 2 || !strings.HasPrefix(got[0], "spec.responder.missStatus: ") || !strings.HasPrefix(got[1], "spec.workloads[0].containers[0].image: ") {
		t.Errorf("warnings %q", got)
	}
}

func check(t *testing.T, got []string, want string) {
	t.Helper()
	if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], want)) {
		t.Errorf("warnings %q, want %q", got, want)
	}
}
