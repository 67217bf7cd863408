// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replaylimits

import (
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"

	at "github.com/restage-dev/restage/pkg/admission/admissiontest"
	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
)

func pointer[T any](value T) *T { return &value }

// newPlugin knows a class with all limits and one with none, a snapshot of front and a profile that is fast.
func newPlugin(t *testing.T, config string, objects ...runtime.Object) *Plugin {
	t.Helper()
	small := at.Class("small", false)
	small.Spec.MaxTimeout = &metav1.Duration{Duration: time.Minute}
	small.Spec.Limits = &v1alpha1.EnvironmentLimits{
		MaxConcurrentReplaysPerWorkload: pointer[int32](2), MaxWorkloads: pointer[int32](1), MaxSpeed: "2.5",
	}
	fast := &v1alpha1.ReplayProfile{ObjectMeta: at.Named("fast")}
	fast.Spec.Load.Speed = "5"
	objects = append(objects, small, at.Class("free", false), fast, at.Snapshot("monday", "front"))
	p, err := New(strings.NewReader(config))
	if err != nil {
		t.Fatal(err)
	}
	client := fake.NewSimpleClientset(objects...)
	client.PrependReactor("list", "trafficreplays", selectByPhase(client.Tracker()))
	p.SetReader(lookup.Reader{Client: client})
	if err := p.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	return p
}

// selectByPhase does for the fake, which knows no field selectors, what the server does.
func selectByPhase(tracker clienttesting.ObjectTracker) clienttesting.ReactionFunc {
	return func(action clienttesting.Action) (bool, runtime.Object, error) {
		listed, err := tracker.List(action.GetResource(), v1alpha1.SchemeGroupVersion.WithKind("TrafficReplay"), action.GetNamespace())
		if err != nil {
			return true, nil, err
		}
		list := listed.(*v1alpha1.TrafficReplayList).DeepCopy()
		selector := action.(clienttesting.ListAction).GetListRestrictions().Fields
		list.Items = slices.DeleteFunc(list.Items, func(r v1alpha1.TrafficReplay) bool {
			return !selector.Matches(fields.Set{v1alpha1.FieldPhase: string(r.Status.Phase)})
		})
		return true, list, nil
	}
}

const (
	noConfig = "apiVersion: replaylimits.admission.replay.restage.dev/v1alpha1\nkind: Configuration\n"
	config   = noConfig + "maxTimeout: 30m\nlimits: {maxConcurrentReplaysPerWorkload: 1, maxWorkloads: 2, maxSpeed: \"4\"}\n"
)

// newReplay is a replay in the class, with the default timeout.
func newReplay(name, class string) *replay.TrafficReplay {
	r := &replay.TrafficReplay{ObjectMeta: at.Named(name), Spec: replay.TrafficReplaySpec{
		SnapshotName: "monday", Mode: replay.ModeFull, Timeout: &metav1.Duration{Duration: time.Minute},
	}}
	r.UID = types.UID("uid-" + name)
	if class != "" {
		r.Spec.Environment = &replay.ReplayEnvironment{Template: &replay.ReplayEnvironmentTemplate{ClassName: class}}
	}
	return r
}

func TestLimits(t *testing.T) {
	two := []replay.EnvironmentWorkload{at.Workload("front"), at.Workload("back")}
	slow := &metav1.Duration{Duration: time.Hour}
	for _, test := range []struct {
		name, config, class string
		change              func(*replay.TrafficReplaySpec)
		want                []string // parts of the error; none when it is accepted
	}{
		{"within all", noConfig, "small", func(*replay.TrafficReplaySpec) {}, nil},
		{"class without limits", noConfig, "free", func(s *replay.TrafficReplaySpec) { s.Timeout, s.Workloads, s.ProfileName = slow, two, "fast" }, nil},
		{"no class", noConfig, "", func(s *replay.TrafficReplaySpec) { s.Timeout = slow }, nil},
		{"timeout", noConfig, "small", func(s *replay.TrafficReplaySpec) { s.Timeout = slow },
			[]string{`spec.timeout: exceeded limit: maxTimeout of EnvironmentClass "small", requested: 1h0m0s, limited: 1m0s`}},
		{"workloads", noConfig, "small", func(s *replay.TrafficReplaySpec) { s.Workloads = two },
			[]string{`spec.workloads: exceeded limit: maxWorkloads of EnvironmentClass "small", requested: 2, limited: 1`}},
		{"speed of the profile", noConfig, "small", func(s *replay.TrafficReplaySpec) { s.ProfileName = "fast" },
			[]string{`spec.profileName: exceeded limit: maxSpeed of EnvironmentClass "small", requested: 5, limited: 2.5`}},
		{"own speed before the profile's", noConfig, "small", func(s *replay.TrafficReplaySpec) {
			s.ProfileName, s.Profile = "fast", &replay.ReplayProfileSpec{Load: replay.LoadProfile{Speed: "2.5"}}
		}, nil},
		{"own speed", noConfig, "small", func(s *replay.TrafficReplaySpec) {
			s.Profile = &replay.ReplayProfileSpec{Load: replay.LoadProfile{Speed: "3"}}
		}, []string{"spec.profile.load.speed: exceeded limit: maxSpeed"}},
		{"all at once", noConfig, "small", func(s *replay.TrafficReplaySpec) { s.Timeout, s.Workloads, s.ProfileName = slow, two, "fast" },
			[]string{"spec.timeout: exceeded", "spec.workloads: exceeded", "spec.profileName: exceeded"}},
		{"configuration where the class is silent", config, "free", func(s *replay.TrafficReplaySpec) { s.Timeout = slow },
			[]string{"maxTimeout of the server's configuration, requested: 1h0m0s, limited: 30m0s"}},
		{"configuration without a class", config, "", func(s *replay.TrafficReplaySpec) { s.ProfileName = "fast" },
			[]string{"maxSpeed of the server's configuration, requested: 5, limited: 4"}},
		{"class before the configuration", config, "small", func(s *replay.TrafficReplaySpec) { s.Workloads = two },
			[]string{`maxWorkloads of EnvironmentClass "small", requested: 2, limited: 1`}},
		{"target", config, "", func(s *replay.TrafficReplaySpec) {
			s.Mode, s.Target, s.ProfileName = replay.ModeLoadOnly, &replay.ReplayTarget{URL: "http://x"}, "fast"
		}, []string{"maxSpeed of the server's configuration"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newReplay("try", test.class)
			test.change(&r.Spec)
			err := newPlugin(t, test.config).Validate(t.Context(), at.Create("TrafficReplay", r), nil)
			if len(test.want) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !apierrors.IsForbidden(err) {
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

func TestLimitsOfEnvironments(t *testing.T) {
	environment := &replay.Environment{ObjectMeta: at.Named("try"), Spec: replay.EnvironmentSpec{
		ClassName: "small", SnapshotName: "monday", Workloads: []replay.EnvironmentWorkload{at.Workload("front"), at.Workload("back")},
	}}
	p := newPlugin(t, noConfig)
	if err := p.Validate(t.Context(), at.Create("Environment", environment), nil); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "maxWorkloads") {
		t.Errorf("two workloads: error %v", err)
	}
	environment.Spec.Workloads = environment.Spec.Workloads[:1]
	if err := p.Validate(t.Context(), at.Create("Environment", environment), nil); err != nil {
		t.Errorf("one workload: error %v", err)
	}
}

func TestConfiguration(t *testing.T) {
	for _, test := range []struct{ name, config, want string }{
		{"unknown field", noConfig + "maxReplays: 3\n", `unknown field "maxReplays"`},
		{"unknown limit", noConfig + "limits: {maxReplays: 3}\n", `unknown field "limits.maxReplays"`},
		{"doubled field", noConfig + "maxTimeout: 1m\nmaxTimeout: 2m\n", "maxTimeout"},
		{"no version", "maxTimeout: 1m\n", "Kind"},
		{"another version", strings.Replace(noConfig, "v1alpha1", "v9", 1), "v9"},
		{"zero timeout", noConfig + "maxTimeout: 0s\n", `maxTimeout: Invalid value: "0s": must be greater than 0s`},
		{"no workload", noConfig + "limits: {maxWorkloads: 0}\n", "limits.maxWorkloads: Invalid value: 0: must be at least 1"},
		{"no replay", noConfig + "limits: {maxConcurrentReplaysPerWorkload: 0}\n", "limits.maxConcurrentReplaysPerWorkload: Invalid value: 0"},
		{"no speed", noConfig + "limits: {maxSpeed: \"0\"}\n", `limits.maxSpeed: Invalid value: "0"`},
		{"no YAML", "limits: [", "decoding"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := New(strings.NewReader(test.config)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v lacks %q", err, test.want)
			}
		})
	}
	if p, err := New(nil); err != nil || p.config.MaxTimeout != nil || p.config.Limits != nil {
		t.Errorf("without a configuration: %+v, error %v", p, err)
	}
	if p, err := New(strings.NewReader(config)); err != nil || p.config.MaxTimeout.Duration != 30*time.Minute || *p.config.Limits.MaxWorkloads != 2 {
		t.Errorf("with one: %+v, error %v", p, err)
	}
}
