// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

const (
	namespace    = "bench"
	fieldManager = "bench"
)

// side is one of the two ways in which the same objects are served.
type side struct {
	name, group string
}

var (
	ours = side{name: "restage", group: v1alpha1.GroupName}
	twin = side{name: "CRD", group: "twin.restage.dev"}
)

func (s side) groupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: s.group, Version: version}
}

// path of a resource in the namespace, or of an object in it.
func (s side) path(plural string, rest ...string) string {
	path := fmt.Sprintf("/apis/%s/%s/namespaces/%s/%s", s.group, version, namespace, plural)
	for _, part := range rest {
		path += "/" + part
	}
	return path
}

// newRaw is a client that hands answers out as they came: the time of a decoder would only blur what is compared.
func newRaw(config *rest.Config) (*rest.RESTClient, error) {
	config = rest.CopyConfig(config)
	config.GroupVersion = &schema.GroupVersion{Version: "v1"}
	config.NegotiatedSerializer = clientscheme.Codecs.WithoutConversion()
	return rest.RESTClientFor(config)
}

// encode writes the object as one of the side's group.
func (s side) encode(kind string, object any) []byte {
	data, err := json.Marshal(object)
	if err != nil {
		panic(err) // our own types can be written
	}
	fields := map[string]any{}
	if err := json.Unmarshal(data, &fields); err != nil {
		panic(err)
	}
	fields["apiVersion"], fields["kind"] = s.groupVersion().String(), kind
	delete(fields, "status")
	if data, err = json.Marshal(fields); err != nil {
		panic(err)
	}
	return data
}

func (s side) create(ctx context.Context, c *rest.RESTClient, plural string, body []byte) error {
	return c.Post().AbsPath(s.path(plural)).Body(body).Do(ctx).Error()
}

func (s side) apply(ctx context.Context, c *rest.RESTClient, plural, name string, body []byte) error {
	return c.Patch(types.ApplyPatchType).AbsPath(s.path(plural, name)).Param("fieldManager", fieldManager).Body(body).Do(ctx).Error()
}

// replay is what a user writes: a replay with an image of his own, and goals.
func replay(name string, labels map[string]string) *v1alpha1.TrafficReplay {
	return &v1alpha1.TrafficReplay{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels},
		Spec: v1alpha1.TrafficReplaySpec{
			SnapshotName: snapshotName, ProfileName: profileName, BuildTag: "4f0c1a2",
			Workloads: []v1alpha1.EnvironmentWorkload{{
				Ref:        v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: workloadName},
				Containers: []v1alpha1.ContainerOverride{{Name: "app", Image: "registry.example/front:next"}},
			}},
			Profile: &v1alpha1.ReplayProfileSpec{
				Load:       v1alpha1.LoadProfile{Speed: "2"},
				Comparison: v1alpha1.ComparisonProfile{Headers: []string{"Content-Type", "Location"}, Ignore: []string{"$.runtime.num_goroutine"}},
				Goals: []v1alpha1.Goal{
					{Name: "same", Expression: "summary.differing == 0"},
					{Name: "fast", Expression: "summary.replayed.p99 < 1.5 * summary.recorded.p99"},
				},
			},
		},
	}
}

// profile refers to nothing, so that no side checks more than its own fields.
func profile(name string) *v1alpha1.ReplayProfile {
	return &v1alpha1.ReplayProfile{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Spec: v1alpha1.ReplayProfileSpec{
			Load:       v1alpha1.LoadProfile{Pattern: v1alpha1.LoadRecorded, Speed: "1"},
			Comparison: v1alpha1.ComparisonProfile{Headers: []string{"Content-Type", "Location"}, Ignore: []string{"$.runtime.num_goroutine"}},
			Goals:      []v1alpha1.Goal{{Name: "same", Expression: "summary.differing == 0"}},
		},
	}
}
