// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/registry/generic"
	tester "k8s.io/apiserver/pkg/registry/generic/testing"
	etcd3testing "k8s.io/apiserver/pkg/storage/etcd3/testing"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/install"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/registry/replay/environment"
	"github.com/restage-dev/restage/pkg/registry/replay/environmentclass"
	"github.com/restage-dev/restage/pkg/registry/replay/replayprofile"
	"github.com/restage-dev/restage/pkg/registry/replay/trafficcapture"
	"github.com/restage-dev/restage/pkg/registry/replay/trafficreplay"
	"github.com/restage-dev/restage/pkg/registry/replay/trafficsnapshot"
	"github.com/restage-dev/restage/pkg/registry/resource"
)

var (
	deployment = replay.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "front"}
	minute     = &metav1.Duration{Duration: time.Minute}
)

// TestStorageOfEveryKind runs the conformance kit of k8s.io/apiserver for the storage of each kind on a real etcd, without
// admission. Nothing here ends gracefully, so TestDeleteGraceful does not apply: TestDelete wants the opposite.
func TestStorageOfEveryKind(t *testing.T) {
	etcd, config := etcd3testing.NewUnsecuredEtcd3TestClientServer(t)
	defer etcd.Terminate(t)
	scheme := runtime.NewScheme()
	install.Install(scheme)
	config.Codec = serializer.NewCodecFactory(scheme).LegacyCodec(v1alpha1.SchemeGroupVersion)
	// As the server's own options do: objects are stored under their resource.
	getter := kitOptions{generic.RESTOptions{
		StorageConfig: config.ForResource(schema.GroupResource{}), Decorator: generic.UndecoratedStorage, DeleteCollectionWorkers: 1,
	}}
	for _, run := range []func(*testing.T){
		func(t *testing.T) {
			runKit(t, kit[*replay.TrafficCapture]{
				kind: trafficcapture.Kind(), valid: func(c *replay.TrafficCapture) { c.Spec.WorkloadRef = deployment },
				change: func(c *replay.TrafficCapture) { c.Spec.Ports = []int32{80} },
				spoil:  func(c *replay.TrafficCapture) { c.Spec.WorkloadRef.Name = "" },
				fields: fields.Set{v1alpha1.FieldWorkloadName: "front"},
			}, scheme, getter)
		},
		func(t *testing.T) {
			runKit(t, kit[*replay.TrafficSnapshot]{
				kind: trafficsnapshot.Kind(), valid: func(s *replay.TrafficSnapshot) { s.Spec.WorkloadRef, s.Spec.Last = deployment, minute },
				spoil:  func(s *replay.TrafficSnapshot) { s.Spec.Last = nil },
				fields: fields.Set{v1alpha1.FieldWorkloadName: "front"},
			}, scheme, getter)
		},
		func(t *testing.T) {
			runKit(t, kit[*replay.ReplayProfile]{
				kind: replayprofile.Kind(), valid: func(*replay.ReplayProfile) {},
				change: func(p *replay.ReplayProfile) { p.Spec.Load.Speed = "2" },
				spoil:  func(p *replay.ReplayProfile) { p.Spec.Load.Speed = "fast" },
			}, scheme, getter)
		},
		func(t *testing.T) {
			runKit(t, kit[*replay.Environment]{
				kind: environment.Kind(), valid: func(e *replay.Environment) {
					e.Spec.SnapshotName = "monday"
					e.Spec.Workloads = []replay.EnvironmentWorkload{{Name: "front", Ref: deployment, Strategy: replay.StrategyClone}}
				},
				spoil:  func(e *replay.Environment) { e.Spec.SnapshotName = "" },
				fields: fields.Set{v1alpha1.FieldSnapshotName: "monday", v1alpha1.FieldClassName: ""},
			}, scheme, getter)
		},
		func(t *testing.T) {
			runKit(t, kit[*replay.EnvironmentClass]{
				kind: environmentclass.Kind(), valid: func(c *replay.EnvironmentClass) {
					c.Spec.ImagePullPolicy, c.Spec.Interception = "Always", replay.InterceptionAuto
				},
				change: func(c *replay.EnvironmentClass) { c.Spec.MaxTimeout = minute },
				spoil:  func(c *replay.EnvironmentClass) { c.Spec.ImagePullPolicy = "Sometimes" },
			}, scheme, getter)
		},
		func(t *testing.T) {
			runKit(t, kit[*replay.TrafficReplay]{
				kind: trafficreplay.Kind(), valid: func(r *replay.TrafficReplay) {
					r.Spec.SnapshotName, r.Spec.Mode, r.Spec.Cleanup, r.Spec.Timeout = "monday", replay.ModeFull, replay.CleanupRestore, minute
					r.Status.Phase = replay.PhasePending // which the server fills in
				},
				spoil:  func(r *replay.TrafficReplay) { r.Spec.SnapshotName = "" },
				fields: fields.Set{v1alpha1.FieldSnapshotName: "monday", v1alpha1.FieldPhase: "Pending"},
			}, scheme, getter)
		},
	} {
		run(t)
	}
}

// kit is what the conformance kit needs to know of a kind.
type kit[T resource.Object] struct {
	kind   *resource.Kind[T]
	valid  func(T) // makes an empty object valid
	change func(T) // changes its spec; nil when that is immutable
	spoil  func(T)
	fields fields.Set
}

func runKit[T resource.Object](t *testing.T, k kit[T], scheme *runtime.Scheme, getter kitOptions) {
	valid := func(name string) T {
		o := k.kind.New()
		o.SetName(name)
		k.valid(o)
		return o
	}
	generated, spoiled := valid(""), valid("foo")
	generated.SetGenerateName("foo-")
	k.spoil(spoiled)
	spoilUpdate := func(o runtime.Object) runtime.Object { k.spoil(o.(T)); return o }
	update := func(o runtime.Object) runtime.Object {
		o.(T).SetLabels(map[string]string{"a": "b"})
		if k.change != nil {
			k.change(o.(T))
		}
		return o
	}
	one := map[string]string{"a": "1"}
	passing, failing := []fields.Set{{}, {"metadata.name": "foo"}}, []fields.Set{{"metadata.name": "bar"}}
	for name, value := range k.fields {
		passing = append(passing, fields.Set{name: value})
		failing = append(failing, fields.Set{name: "other"}, fields.Set{name: value, "metadata.name": "bar"})
	}
	watched := valid("foo")
	watched.SetLabels(one)
	for name, run := range map[string]func(*tester.Tester){
		"create": func(kit *tester.Tester) { kit.TestCreate(generated, spoiled) },
		"update": func(kit *tester.Tester) { kit.TestUpdate(valid("foo"), update, spoilUpdate) },
		"delete": func(kit *tester.Tester) { kit.TestDelete(valid("foo")) },
		"get":    func(kit *tester.Tester) { kit.TestGet(valid("foo")) },
		"list":   func(kit *tester.Tester) { kit.TestList(valid("foo")) },
		"watch": func(kit *tester.Tester) {
			kit.TestWatch(watched, []labels.Set{{}, one}, []labels.Set{{"a": "2"}, {"b": "1"}}, passing, failing)
		},
	} {
		t.Run(fmt.Sprintf("%s/%s", k.kind.Plural, name), func(t *testing.T) {
			// The kit leaves objects behind, so that each part gets a place of its own.
			storage, _, err := resource.NewREST(k.kind, scheme, getter.under(name))
			if err != nil {
				t.Fatal(err)
			}
			defer storage.Destroy()
			kit := tester.New(t, storage.Store)
			if k.kind.ClusterScoped {
				kit = kit.ClusterScope()
			}
			run(kit)
		})
	}
}

// kitOptions are the same for every resource but for where it is stored.
type kitOptions struct {
	generic.RESTOptions
}

// under keeps the objects below a directory of its own.
func (o kitOptions) under(directory string) kitOptions {
	config := *o.StorageConfig
	config.Prefix += "/" + directory
	o.StorageConfig = &config
	return o
}

func (o kitOptions) GetRESTOptions(resource schema.GroupResource, _ runtime.Object) (generic.RESTOptions, error) {
	options := o.RESTOptions
	config := *options.StorageConfig
	config.GroupResource = resource
	options.StorageConfig, options.ResourcePrefix = &config, resource.Resource
	return options, nil
}
