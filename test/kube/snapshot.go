// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// restless are the resources whose objects come, go and change on a cluster that nobody touches.
var restless = map[string]bool{
	"events": true, "events.events.k8s.io": true, // what has happened is no mark on the cluster
	"leases.coordination.k8s.io": true, // renewed every few seconds
	"componentstatuses":          true, // computed at each request
}

// Snapshot is all objects of a cluster by resource, namespace and name.
type Snapshot map[string]string

// TakeSnapshot reads every object of every resource that can be listed, custom and aggregated ones as well. Left out are events, leases,
// and what only counts changes: resource versions, managed fields, and the status of nodes, which has heartbeats and
// images, and of pods, which the kubelet completes in its own time.
func TakeSnapshot(t *testing.T) Snapshot {
	t.Helper()
	snapshot, err := takeSnapshot(t.Context(), Config(t))
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// SameAs waits until the cluster is as it was: what is being deleted takes a while. Otherwise the test fails with the difference.
func (s Snapshot) SameAs(t *testing.T, within time.Duration) {
	t.Helper()
	config := Config(t)
	Eventually(t, within, "the cluster is as it was (- before, + now)", func() (bool, string) {
		now, err := takeSnapshot(t.Context(), config)
		if err != nil {
			return false, err.Error() // an API may be about to go
		}
		difference := s.Difference(now)
		return difference == "", difference
	})
}

// Difference names each object that is not in both or is not the same; empty if there is none.
func (s Snapshot) Difference(now Snapshot) string {
	all := maps.Clone(s)
	maps.Copy(all, now)
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		before, was := s[name]
		after, is := now[name]
		switch {
		case !is:
			lines = append(lines, "- "+name)
		case !was:
			lines = append(lines, "+ "+name)
		case before != after:
			lines = append(lines, "~ "+name+"\n"+cmp.Diff(before, after))
		}
	}
	return strings.Join(lines, "\n")
}

func takeSnapshot(ctx context.Context, config *rest.Config) (Snapshot, error) {
	config = rest.CopyConfig(config)
	config.WarningHandlerWithContext = rest.NoWarnings{} // deprecated resources are read as well
	apis, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	lists, err := apis.ServerPreferredResources()
	if err != nil {
		return nil, fmt.Errorf("reading which resources there are: %w", err)
	}
	snapshot := Snapshot{}
	for _, list := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list"}}, lists) {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, resource := range list.APIResources {
			if err := snapshot.read(ctx, objects, version.WithResource(resource.Name)); err != nil {
				return nil, err
			}
		}
	}
	return snapshot, nil
}

func (s Snapshot) read(ctx context.Context, objects dynamic.Interface, resource schema.GroupVersionResource) error {
	name := resource.GroupResource().String()
	if restless[name] {
		return nil
	}
	list, err := objects.Resource(resource).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return nil // the resource has gone since
	}
	if err != nil {
		return fmt.Errorf("listing %s: %w", name, err)
	}
	for i := range list.Items {
		object := &list.Items[i]
		data, err := yaml.Marshal(settled(object).Object)
		if err != nil {
			return fmt.Errorf("writing %s %s: %w", name, object.GetName(), err)
		}
		s[strings.Trim(name+" "+object.GetNamespace()+"/"+object.GetName(), "/")] = string(data)
	}
	return nil
}

// settled is an object without what changes by itself, and with sums for the data of a Secret, which may end up in a log.
func settled(object *unstructured.Unstructured) *unstructured.Unstructured {
	object.SetResourceVersion("")
	object.SetManagedFields(nil)
	switch object.GetKind() {
	case "Node", "Pod":
		unstructured.RemoveNestedField(object.Object, "status")
	case "Secret":
		data, _, _ := unstructured.NestedMap(object.Object, "data")
		for key, value := range data {
			data[key] = fmt.Sprintf("sha256:%x", sha256.Sum256(fmt.Append(nil, value)))
		}
		if data != nil {
			object.Object["data"] = data
		}
	}
	return object
}
