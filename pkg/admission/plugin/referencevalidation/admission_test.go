// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package referencevalidation

import (
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	kubefake "k8s.io/client-go/kubernetes/fake"

	at "github.com/restage-dev/restage/pkg/admission/admissiontest"
	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
)

// newPlugin knows a workload front and three snapshots of it: ready with ten minutes of traffic, empty, and being cut.
func newPlugin(t *testing.T) *Plugin {
	t.Helper()
	p := New()
	if p.ValidateInitialization() == nil {
		t.Error("a plugin without clients takes itself for complete")
	}
	ready, empty, cutting := at.Snapshot("ready", "front"), at.Snapshot("empty", "front"), at.Snapshot("cutting", "front")
	condition := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue}
	ready.Status.Conditions = []metav1.Condition{condition}
	empty.Status.Conditions = []metav1.Condition{condition}
	condition.Status, condition.Message = metav1.ConditionFalse, "the forwarder is at it"
	cutting.Status.Conditions = []metav1.Condition{condition}
	start := metav1.NewMicroTime(time.Unix(1e9, 0))
	end := metav1.NewMicroTime(start.Add(10 * time.Minute))
	ready.Status.Inbound, ready.Status.StartTime, ready.Status.EndTime = 100, &start, &end
	ready.Status.Slices = []v1alpha1.Slice{
		{Key: "front:9898", Direction: v1alpha1.DirectionInbound},
		{Key: "back:80", Direction: v1alpha1.DirectionOutbound}, {Key: "backup:80", Direction: v1alpha1.DirectionOutbound},
	}
	fast := &v1alpha1.ReplayProfile{ObjectMeta: at.Named("fast")}
	fast.Spec.Load.Speed = "5"
	p.SetReader(lookup.Reader{Client: fake.NewSimpleClientset(ready, empty, cutting, fast)})
	p.SetWorkloads(workload.Source{Client: kubefake.NewClientset(at.Deployment("front"))})
	p.SetProxyImage(at.ProxyImage)
	if err := p.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	return p
}

func newReplay(snapshot string, timeout time.Duration, change func(*replay.TrafficReplaySpec)) admission.Attributes {
	r := &replay.TrafficReplay{ObjectMeta: at.Named("try"), Spec: replay.TrafficReplaySpec{
		SnapshotName: snapshot, Mode: replay.ModeFull, Timeout: &metav1.Duration{Duration: timeout},
	}}
	if change != nil {
		change(&r.Spec)
	}
	return at.Create("TrafficReplay", r)
}

func capture(workload string, ports ...int32) admission.Attributes {
	return at.Create("TrafficCapture", &replay.TrafficCapture{
		ObjectMeta: at.Named("c"), Spec: replay.TrafficCaptureSpec{WorkloadRef: at.Workload(workload).Ref, Ports: ports},
	})
}

func TestDanglingReferencesAreRefused(t *testing.T) {
	environment := func(change func(*replay.EnvironmentSpec)) admission.Attributes {
		e := &replay.Environment{ObjectMeta: at.Named("try"), Spec: replay.EnvironmentSpec{
			SnapshotName: "ready", Workloads: []replay.EnvironmentWorkload{at.Workload("front")},
		}}
		change(&e.Spec)
		return at.Create("Environment", e)
	}
	for _, test := range []struct {
		name    string
		request admission.Attributes
		want    []string
	}{
		{"workload of a capture", capture("gone"), []string{`spec.workloadRef.name: Not found: "gone"`}},
		{"workload of a snapshot", at.Create("TrafficSnapshot", &replay.TrafficSnapshot{
			ObjectMeta: at.Named("s"), Spec: replay.TrafficSnapshotSpec{WorkloadRef: at.Workload("gone").Ref},
		}), []string{`spec.workloadRef.name: Not found: "gone"`}},
		{"snapshot of an environment", environment(func(s *replay.EnvironmentSpec) { s.SnapshotName = "gone" }), []string{`spec.snapshotName: Not found: "gone"`}},
		{"slice of an environment", environment(func(s *replay.EnvironmentSpec) { s.Workloads[0].Mocks = []string{"back"} }),
			[]string{"spec.workloads[0].mocks[0]: Invalid value: \"back\""}},
		{"all of a replay", newReplay("gone", time.Hour, func(s *replay.TrafficReplaySpec) {
			s.ProfileName, s.Environment = "gone", &replay.ReplayEnvironment{Name: "gone"}
		}), []string{"spec.snapshotName: Not found", "spec.profileName: Not found", "spec.environment.name: Not found"}},
		{"profile beside an own speed", newReplay("ready", time.Hour, func(s *replay.TrafficReplaySpec) {
			s.ProfileName, s.Profile = "gone", &replay.ReplayProfileSpec{Load: replay.LoadProfile{Speed: "2"}}
		}), []string{"spec.profileName: Not found"}},
		{"class of a replay", newReplay("ready", time.Hour, func(s *replay.TrafficReplaySpec) {
			s.Environment = &replay.ReplayEnvironment{Template: &replay.ReplayEnvironmentTemplate{ClassName: "gone"}}
		}), []string{"spec.environment.template.className: Not found"}},
		{"workload and slice of a replay", newReplay("ready", time.Hour, func(s *replay.TrafficReplaySpec) {
			s.Workloads = []replay.EnvironmentWorkload{at.Workload("gone")}
			s.Workloads[0].Tests = []string{"*", "zzz"}
		}), []string{`spec.workloads[0].ref.name: Not found: "gone"`, "spec.workloads[0].tests[1]"}},
		{"container of a replay", newReplay("ready", time.Hour, func(s *replay.TrafficReplaySpec) {
			s.Workloads = []replay.EnvironmentWorkload{at.Workload("front")}
			s.Workloads[0].Containers = []replay.ContainerOverride{{Name: "web"}}
		}), []string{`spec.workloads[0].containers[0].name: Unsupported value: "web"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := newPlugin(t).Validate(t.Context(), test.request, nil)
			if !apierrors.IsInvalid(err) {
				t.Fatalf("error %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestDoubtfulReferencesAreWarnedOf(t *testing.T) {
	for _, test := range []struct {
		name    string
		request admission.Attributes
		want    string // the beginning of the only warning; none when it is empty
	}{
		{"nothing", newReplay("ready", 10*time.Minute, nil), ""},
		{"snapshot that is being cut", newReplay("cutting", time.Hour, nil),
			`spec.snapshotName: TrafficSnapshot "cutting" is not ready, and is waited for: the forwarder is at it`},
		{"empty snapshot", newReplay("empty", time.Hour, nil), `spec.snapshotName: TrafficSnapshot "empty" holds no inbound request`},
		{"empty snapshot for mocks", newReplay("empty", time.Hour, func(s *replay.TrafficReplaySpec) { s.Mode = replay.ModeMocksOnly }), ""},
		{"timeout", newReplay("ready", 5*time.Minute, nil), `spec.timeout: 5m0s is less than 10m0s, the span of TrafficSnapshot "ready" at speed 1`},
		{"timeout at the speed of the profile", newReplay("ready", 5*time.Minute, func(s *replay.TrafficReplaySpec) { s.ProfileName = "fast" }), ""},
		{"timeout at an own speed", newReplay("ready", 10*time.Minute, func(s *replay.TrafficReplaySpec) {
			s.Profile = &replay.ReplayProfileSpec{Load: replay.LoadProfile{Speed: "0.5"}}
		}), "spec.timeout: 10m0s is less than 20m0s"},
		{"declared port", capture("front", 9898), ""},
		{"undeclared port", capture("front", 9898, 80), `spec.ports[1]: no container of Deployment "front" declares port 80`},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, warnings := at.Warnings(t)
			if err := newPlugin(t).Validate(ctx, test.request, nil); err != nil {
				t.Fatal(err)
			}
			got := warnings()
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], test.want)) {
				t.Errorf("warnings %q, want %q", got, test.want)
			}
		})
	}
}
