// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replaylimits

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	at "github.com/restage-dev/restage/pkg/admission/admissiontest"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// stored is a replay that is there already; it names its workloads, or leaves that to the snapshot.
func stored(name string, complete bool, workloads ...string) *v1alpha1.TrafficReplay {
	r := &v1alpha1.TrafficReplay{ObjectMeta: at.Named(name), Spec: v1alpha1.TrafficReplaySpec{SnapshotName: "monday"}}
	r.UID = types.UID("stored-" + name)
	for _, workload := range workloads {
		r.Spec.Workloads = append(r.Spec.Workloads, v1alpha1.EnvironmentWorkload{Ref: v1alpha1.WorkloadReference{Name: workload}})
	}
	if r.Status.Phase = v1alpha1.PhaseRunning; complete {
		r.Status.Phase = v1alpha1.PhasePassed
	}
	return r
}

func TestConcurrentReplays(t *testing.T) {
	standing := &v1alpha1.Environment{ObjectMeta: at.Named("standing")}
	standing.Spec.Workloads = stored("", false, "front").Spec.Workloads
	against := stored("against", false)
	against.Spec.Target = &v1alpha1.ReplayTarget{URL: "http://x"}
	inStanding := stored("in-standing", false)
	inStanding.Spec.Environment = &v1alpha1.ReplayEnvironment{Name: "standing"}
	elsewhere := stored("elsewhere", false, "front")
	elsewhere.Namespace = "other"

	const full = `exceeded limit: maxConcurrentReplaysPerWorkload of EnvironmentClass "small", Deployment "front", requested: 1, used: 2, limited: 2`
	for _, test := range []struct {
		name   string
		others []*v1alpha1.TrafficReplay
		change func(*replay.TrafficReplaySpec)
		want   string
	}{
		{"one", []*v1alpha1.TrafficReplay{stored("a", false)}, nil, ""},
		{"two", []*v1alpha1.TrafficReplay{stored("a", false), stored("b", false, "front")}, nil, "spec.snapshotName: " + full},
		{"two of one by name", []*v1alpha1.TrafficReplay{stored("a", false), stored("b", false, "back", "front")},
			func(s *replay.TrafficReplaySpec) { s.Workloads = []replay.EnvironmentWorkload{at.Workload("front")} },
			"spec.workloads[0].ref.name: " + full},
		{"in a standing environment", []*v1alpha1.TrafficReplay{stored("a", false), inStanding}, nil, full},
		{"ended", []*v1alpha1.TrafficReplay{stored("a", false), stored("b", true)}, nil, ""},
		{"of another workload", []*v1alpha1.TrafficReplay{stored("a", false), stored("b", false, "back")}, nil, ""},
		{"against a target", []*v1alpha1.TrafficReplay{stored("a", false), against}, nil, ""},
		{"in another namespace", []*v1alpha1.TrafficReplay{stored("a", false), elsewhere}, nil, ""},
		{"no copy of its own", []*v1alpha1.TrafficReplay{stored("a", false), stored("b", false)},
			func(s *replay.TrafficReplaySpec) {
				s.Environment, s.Target = nil, &replay.ReplayTarget{URL: "http://x"}
			}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlugin(t, noConfig, standing)
			for _, other := range test.others {
				if _, err := p.read.Client.ReplayV1alpha1().TrafficReplays(other.Namespace).Create(t.Context(), other, metav1.CreateOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			r := newReplay("try", "small")
			if test.change != nil {
				test.change(&r.Spec)
			}
			err := p.Validate(t.Context(), at.Create("TrafficReplay", r), nil)
			if test.want == "" && err != nil {
				t.Error(err)
			}
			if test.want != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v\nlacks %q", err, test.want)
			}
		})
	}
}

// Requests of the same moment do not see each other's replays in storage, and all the same not more than the limit get through.
func TestReplaysOfTheSameMoment(t *testing.T) {
	p := newPlugin(t, noConfig)
	var admitted atomic.Int32
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			if p.Validate(t.Context(), at.Create("TrafficReplay", newReplay(fmt.Sprint("r", i), "small")), nil) == nil {
				admitted.Add(1)
			}
		})
	}
	group.Wait()
	if n := admitted.Load(); n != 2 {
		t.Errorf("%d were admitted", n)
	}
}

// A replay that was admitted and then refused by somebody else gives its place back when its request ends.
func TestPlaceIsGivenBack(t *testing.T) {
	p := newPlugin(t, config)
	request, end := context.WithCancel(t.Context())
	create := func(ctx context.Context, name string) error {
		return p.Validate(ctx, at.Create("TrafficReplay", newReplay(name, "")), nil)
	}
	if err := create(request, "first"); err != nil {
		t.Fatal(err)
	}
	if err := create(t.Context(), "second"); !apierrors.IsForbidden(err) {
		t.Fatalf("beside a running request: error %v", err)
	}
	end()
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, 10*time.Second, true, func(ctx context.Context) (bool, error) {
		attempt, end := context.WithCancel(ctx)
		defer end()
		return create(attempt, "second") == nil, nil
	})
	if err != nil {
		t.Errorf("the place of a request that has ended is taken for ever: %v", err)
	}
}

func TestDryRunTakesNoPlace(t *testing.T) {
	p := newPlugin(t, config)
	for range 3 {
		if err := p.Validate(t.Context(), at.DryRun("TrafficReplay", newReplay("trial", "")), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Validate(t.Context(), at.Create("TrafficReplay", newReplay("real", "")), nil); err != nil {
		t.Errorf("after dry runs: error %v", err)
	}
	if err := p.Validate(t.Context(), at.DryRun("TrafficReplay", newReplay("trial", "")), nil); !apierrors.IsForbidden(err) {
		t.Errorf("a dry run beside a running request: error %v", err)
	}
}
