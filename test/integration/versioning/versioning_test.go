// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package versioning shows that a version of the API is added by a folder: the real server serves v1beta1, which is made by the
// generators as v1alpha1 is, beside v1alpha1.
package versioning

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/kube-openapi/pkg/common"

	"github.com/restage-dev/restage/pkg/apis/replay/install"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apiserver"
	"github.com/restage-dev/restage/pkg/apiserver/testserver"
	"github.com/restage-dev/restage/pkg/generated/openapi"
	"github.com/restage-dev/restage/test/integration/versioning/v1beta1"
)

const namespace = "shop"

// nextAPI is the API of a release with v1beta1.
func nextAPI() apiserver.API {
	versions := append([]install.Version{{GroupVersion: v1beta1.SchemeGroupVersion, AddToScheme: v1beta1.AddToScheme}}, install.Versions()...)
	return apiserver.API{
		Scheme: apiserver.NewScheme(versions...), Release: "0.2",
		Definitions: func(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
			definitions := openapi.GetOpenAPIDefinitions(ref)
			maps.Copy(definitions, v1beta1.GetOpenAPIDefinitions(ref))
			return definitions
		},
	}
}

// serve runs a server on the data in the directory until the test stops it.
func serve(t *testing.T, api apiserver.API, dir string, flags ...string) *testserver.Server {
	t.Helper()
	o := apiserver.NewOptionsFor(api)
	set := pflag.NewFlagSet("restage-apiserver", pflag.ContinueOnError)
	o.AddFlags(set)
	if err := set.Parse(append(flags, "--data-dir="+dir)); err != nil {
		t.Fatal(err)
	}
	forwarder, err := grpc.NewClient("127.0.0.1:1", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = forwarder.Close() })
	server, err := testserver.StartWith(t.Context(), o, forwarder,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "front"},
			Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "app", Image: "front:1", Ports: []corev1.ContainerPort{{ContainerPort: 80}}}},
			}}},
		})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func stop(t *testing.T, server *testserver.Server) {
	t.Helper()
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
}

// dataDir is short, because it holds a socket.
func dataDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "restage")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// replays returns clients of both versions.
func replays(t *testing.T, server *testserver.Server) (alpha, beta dynamic.ResourceInterface) {
	t.Helper()
	client, err := dynamic.NewForConfig(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	return client.Resource(v1alpha1.SchemeGroupVersion.WithResource("trafficreplays")).Namespace(namespace),
		client.Resource(v1beta1.SchemeGroupVersion.WithResource("trafficreplays")).Namespace(namespace)
}

func createSnapshot(t *testing.T, server *testserver.Server) {
	t.Helper()
	snapshot := &v1alpha1.TrafficSnapshot{ObjectMeta: metav1.ObjectMeta{Name: "monday"}}
	snapshot.Spec.WorkloadRef.Name = "front"
	snapshot.Spec.Last = &metav1.Duration{Duration: 60e9}
	if _, err := server.Client.ReplayV1alpha1().TrafficSnapshots(namespace).Create(t.Context(), snapshot, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// newReplay returns a TrafficReplay in the version; field is the name of the field that names the snapshot.
func newReplay(version, name, field string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupName + "/" + version, "kind": "TrafficReplay",
		"metadata": map[string]any{"name": name}, "spec": map[string]any{field: "monday"},
	}}
}

func create(t *testing.T, client dynamic.ResourceInterface, object *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	created, err := client.Create(t.Context(), object, metav1.CreateOptions{FieldManager: "creator"})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func expectField(t *testing.T, client dynamic.ResourceInterface, name string, value string, path ...string) {
	t.Helper()
	object, err := client.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := unstructured.NestedString(object.Object, path...); err != nil || got != value {
		t.Errorf("%s of %s in %s is %q, want %q, error %v", strings.Join(path, "."), name, object.GetAPIVersion(), got, value, err)
	}
}

func TestBothVersionsShowEveryObject(t *testing.T) {
	server := serve(t, nextAPI(), dataDir(t))
	defer stop(t, server)
	createSnapshot(t, server)
	alpha, beta := replays(t, server)
	create(t, alpha, newReplay("v1alpha1", "old", "snapshotName"))
	create(t, beta, newReplay("v1beta1", "new", "snapshot"))
	for _, name := range []string{"old", "new"} {
		expectField(t, alpha, name, "monday", "spec", "snapshotName")
		expectField(t, beta, name, "monday", "spec", "snapshot")
		expectField(t, beta, name, "Full", "spec", "mode") // a default
	}
	for client, selector := range map[dynamic.ResourceInterface]string{alpha: v1alpha1.FieldSnapshotName, beta: v1beta1.FieldSnapshot} {
		list, err := client.List(t.Context(), metav1.ListOptions{FieldSelector: selector + "=monday"})
		if err != nil || len(list.Items) != 2 {
			t.Errorf("selecting by %s: %v, error %v", selector, list, err)
		}
	}
	expectVersions(t, server, "v1beta1", "v1alpha1")
}

// expectVersions wants discovery to name the versions, the preferred one first.
func expectVersions(t *testing.T, server *testserver.Server, versions ...string) {
	t.Helper()
	groups, err := server.Client.Discovery().ServerGroups()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(groups.Groups, func(g metav1.APIGroup) bool { return g.Name == v1alpha1.GroupName })
	if i < 0 {
		t.Fatalf("groups %+v", groups.Groups)
	}
	group := groups.Groups[i]
	names := make([]string, len(group.Versions))
	for j, version := range group.Versions {
		names[j] = version.Version
	}
	if !slices.Equal(names, versions) || group.PreferredVersion.Version != versions[0] {
		t.Errorf("discovery names %v, prefers %s, want %v", names, group.PreferredVersion.Version, versions)
	}
}

// A rule of the tags is the same in both versions, each with its own path.
func TestBothVersionsRefuseTheSame(t *testing.T) {
	server := serve(t, nextAPI(), dataDir(t))
	defer stop(t, server)
	alpha, beta := replays(t, server)
	for _, test := range []struct {
		client         dynamic.ResourceInterface
		version, field string
	}{{alpha, "v1alpha1", "snapshotName"}, {beta, "v1beta1", "snapshot"}} {
		object := newReplay(test.version, "bad", test.field)
		object.Object["spec"] = map[string]any{test.field: "Not A Name", "mode": "Fast"}
		_, err := test.client.Create(t.Context(), object, metav1.CreateOptions{})
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "spec."+test.field+`: Invalid value: "Not A Name"`) ||
			!strings.Contains(err.Error(), `spec.mode: Unsupported value: "Fast"`) {
			t.Errorf("%s: %v", test.version, err)
		}
	}
}

// Who owns a field in one version owns it in the other.
func TestServerSideApplyAcrossVersions(t *testing.T) {
	server := serve(t, nextAPI(), dataDir(t))
	defer stop(t, server)
	createSnapshot(t, server)
	alpha, beta := replays(t, server)
	labelled := func(version, field, value string) *unstructured.Unstructured {
		object := newReplay(version, "applied", field)
		object.SetLabels(map[string]string{"team": value})
		return object
	}
	options := metav1.ApplyOptions{FieldManager: "user"}
	if _, err := alpha.Apply(t.Context(), "applied", labelled("v1alpha1", "snapshotName", "a"), options); err != nil {
		t.Fatal(err)
	}
	if _, err := beta.Apply(t.Context(), "applied", labelled("v1beta1", "snapshot", "b"), options); err != nil {
		t.Fatal(err)
	}
	expectField(t, alpha, "applied", "b", "metadata", "labels", "team")
	_, err := alpha.Apply(t.Context(), "applied", labelled("v1alpha1", "snapshotName", "c"), metav1.ApplyOptions{FieldManager: "rival"})
	if !apierrors.IsConflict(err) {
		t.Errorf("taking a field that is owned in the other version: %v", err)
	}
	// The status is nobody's through the main resource, in either version.
	object, err := beta.Get(t.Context(), "applied", metav1.GetOptions{})
	if err != nil || len(object.GetManagedFields()) != 1 {
		t.Errorf("managed fields %v, error %v", object.GetManagedFields(), err)
	}
}
