// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package conformance holds what every kind of the API must do, as any built-in resource of Kubernetes does it. The same
// suite runs against a server in process and, through kube-apiserver's aggregator, against one in a cluster.
package conformance

import (
	"context"
	"net/http"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// snapshot is what environments and replays refer to. The suite makes it.
const snapshot = "conformance"

// Suite says what the suite runs against. No operator may act on the objects, since its writes would be taken for
// the server's.
type Suite struct {
	// Config is for clients that may do everything.
	Config *rest.Config
	// Namespace exists and holds a Deployment named front.
	Namespace string
	// Host has the garbage collector of the cluster. Nil in process, where nothing ends a deletion that waits for it.
	Host kubernetes.Interface
	// Forgotten is a resource version from before the last start of the server, which no watch can begin at.
	Forgotten string
	// Compact makes etcd forget all versions but the newest. Nil where the tests cannot reach it.
	Compact func(context.Context) error
}

// Run runs the suite for every kind, several kinds at once.
func (s *Suite) Run(t *testing.T) {
	client, err := dynamic.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := rest.HTTPClientFor(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	var checks []*check
	for _, k := range kinds() {
		checks = append(checks, newCheck(s, k, client, raw))
	}
	checks[snapshots].make(t, snapshot)
	t.Run("kinds", func(t *testing.T) {
		for _, c := range checks {
			t.Run(c.kind.name, func(t *testing.T) {
				t.Parallel()
				c.run(t)
			})
		}
	})
	if s.Compact != nil {
		t.Run("compaction", func(t *testing.T) { s.compaction(t, checks) })
	}
}

// compaction looks at old versions after etcd has forgotten them. The watch caches learn of it within seconds, all at once.
func (s *Suite) compaction(t *testing.T, checks []*check) {
	pages := make([]*unstructured.UnstructuredList, len(checks))
	for i, c := range checks {
		pages[i] = c.firstPage(t)
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, c := range checks {
		t.Run(c.kind.name, func(t *testing.T) { c.expired(t, pages[i]) })
	}
}

// check runs the suite for one kind.
type check struct {
	*Suite
	kind    kind
	objects dynamic.ResourceInterface
	raw     *http.Client
	path    string // of the collection
}

func newCheck(s *Suite, k kind, client dynamic.Interface, raw *http.Client) *check {
	c := &check{Suite: s, kind: k, raw: raw}
	resources := client.Resource(v1alpha1.SchemeGroupVersion.WithResource(k.resource))
	base := "/apis/" + v1alpha1.SchemeGroupVersion.String() + "/"
	if k.clusterScoped {
		c.objects, c.path = resources, base+k.resource
	} else {
		c.objects, c.path = resources.Namespace(s.Namespace), base+"namespaces/"+s.Namespace+"/"+k.resource
	}
	return c
}

func (c *check) run(t *testing.T) {
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"create", c.create},
		{"generated names", c.generatedNames},
		{"bad metadata", c.badMetadata},
		{"mismatches", c.mismatches},
		{"field validation", c.fieldValidation},
		{"bodies", c.bodies},
		{"get", c.get},
		{"list in chunks", c.chunks},
		{"selectors", c.selectors},
		{"resource versions", c.resourceVersions},
		{"watch", c.watch},
		{"watch of a selection", c.watchSelection},
		{"bookmarks", c.bookmarks},
		{"watch list", c.watchList},
		{"forgotten versions", c.forgotten},
		{"update", c.update},
		{"generation", c.generation},
		{"patches", c.patches},
		{"apply", c.apply},
		{"ownership of fields", c.ownership},
		{"status", c.status},
		{"ownership of the status", c.statusOwnership},
		{"dry run", c.dryRun},
		{"delete", c.delete},
		{"preconditions", c.preconditions},
		{"finalizers", c.finalizers},
		{"propagation", c.propagation},
		{"garbage collection", c.garbageCollection},
		{"delete collection", c.deleteCollection},
		{"tables", c.tables},
		{"metadata alone", c.metadataAlone},
		{"metadata client", c.metadataClient},
		{"negotiation", c.negotiation},
	} {
		t.Run(part.name, part.run)
	}
}
