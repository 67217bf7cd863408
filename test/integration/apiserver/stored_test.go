// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/scheme"
	"github.com/restage-dev/restage/pkg/release"
)

// -update writes the golden files of this release again. Those of earlier releases never change.
var update = flag.Bool("update", false, "write the golden files of stored objects")

const storedDir = "testdata/stored"

// goldenOrder has what others refer to first.
var goldenOrder = []struct{ file, resource string }{
	{"trafficsnapshot-last", "trafficsnapshots"}, {"trafficsnapshot-range", "trafficsnapshots"}, {"trafficsnapshot-upload", "trafficsnapshots"},
	{"trafficcapture", "trafficcaptures"},
	{"replayprofile", "replayprofiles"}, {"environmentclass", "environmentclasses"}, {"environment", "environments"},
	{"trafficreplay-template", "trafficreplays"}, {"trafficreplay-standing", "trafficreplays"}, {"trafficreplay-target", "trafficreplays"},
}

// variable is what the server makes up anew for each object.
var variable = []struct {
	pattern *regexp.Regexp
	fixed   string
}{
	{regexp.MustCompile(`"uid":"[^"]*"`), `"uid":"00000000-0000-0000-0000-000000000000"`},
	{regexp.MustCompile(`"creationTimestamp":"[^"]*"`), `"creationTimestamp":"2026-01-01T00:00:00Z"`},
	{regexp.MustCompile(`"manager":"test","operation":"Update","apiVersion":"([^"]*)","time":"[^"]*"`),
		`"manager":"test","operation":"Update","apiVersion":"$1","time":"2026-01-01T00:00:00Z"`},
}

// What this build writes to etcd is what its golden files say, and what any release has written can be read.
func TestStoredObjects(t *testing.T) {
	store, err := clientv3.New(clientv3.Config{Endpoints: server.Etcd()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for _, golden := range goldenOrder {
		object := createGolden(t, golden.file, golden.resource)
		response, err := store.Get(t.Context(), key(golden.resource, object))
		if err != nil || len(response.Kvs) != 1 {
			t.Fatalf("%s lies in etcd %d times, error %v", golden.file, len(response.Kvs), err)
		}
		written := response.Kvs[0].Value
		for _, part := range variable {
			written = part.pattern.ReplaceAll(written, []byte(part.fixed))
		}
		path := filepath.Join(storedDir, release.Release, golden.file+".json")
		if *update {
			if err := os.WriteFile(path, written, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := read(t, path); !bytes.Equal(written, want) {
			t.Errorf("%s: what is written differs from the golden file:\n%s", golden.file, cmp.Diff(decoded(t, want), decoded(t, written)))
		}
	}
	releases, err := filepath.Glob(storedDir + "/[0-9]*")
	if err != nil || len(releases) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, release := range releases {
		for _, golden := range goldenOrder {
			readBack(t, store, filepath.Join(release, golden.file+".json"), golden.resource)
		}
	}
}

// createGolden creates the object of a manifest, with its status.
func createGolden(t *testing.T, file, resource string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict(read(t, filepath.Join(storedDir, "objects", file+".yaml")), &object.Object); err != nil {
		t.Fatal(err)
	}
	client := resources(t, resource)
	created, err := client.Create(t.Context(), object.DeepCopy(), metav1.CreateOptions{FieldManager: "test", FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	deleteLater(t, created.GetName(), func(ctx context.Context, name string, options metav1.DeleteOptions) error {
		return client.Delete(ctx, name, options)
	})
	status, ok := object.Object["status"]
	if !ok {
		return created
	}
	created.Object["status"] = status
	if created, err = client.UpdateStatus(t.Context(), created, metav1.UpdateOptions{FieldManager: "test", FieldValidation: metav1.FieldValidationStrict}); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return created
}

// readBack puts what a release has written in the place of the object and wants to read all of it.
func readBack(t *testing.T, store *clientv3.Client, path, resource string) {
	t.Helper()
	data := read(t, path)
	golden := &unstructured.Unstructured{}
	if err := golden.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Put(t.Context(), key(resource, golden), string(data)); err != nil {
		t.Fatal(err)
	}
	object, err := resources(t, resource).Get(t.Context(), golden.GetName(), metav1.GetOptions{})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, part := range []string{"spec", "status"} {
		if lost := lacking(golden.Object[part], object.Object[part]); lost != "" {
			t.Errorf("%s: %s%s is not read as it was written", path, part, lost)
		}
	}
	if object.GetUID() != golden.GetUID() || !reflect.DeepEqual(object.GetLabels(), golden.GetLabels()) {
		t.Errorf("%s: metadata %v", path, object.Object["metadata"])
	}
}

// lacking returns the path of the first part of wanted that got has not, "" when it has all. It may have more.
func lacking(wanted, got any) string {
	switch wanted := wanted.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		for name, part := range wanted {
			if path := lacking(part, got[name]); path != "" || got == nil {
				return "." + name + path
			}
		}
	case []any:
		got, _ := got.([]any)
		for _, part := range wanted {
			if len(got) == 0 {
				return "[]"
			}
			if path := lacking(part, got[0]); path != "" {
				return "[]" + path
			}
			got = got[1:]
		}
	default:
		if !reflect.DeepEqual(wanted, got) {
			return " "
		}
	}
	return ""
}

// Every field of every kind is in a golden file.
func TestGoldenFilesHaveEveryField(t *testing.T) {
	wanted, has := map[string]sets.Set[string]{}, map[string]sets.Set[string]{}
	for _, golden := range goldenOrder {
		object := &unstructured.Unstructured{Object: decoded(t, read(t, filepath.Join(storedDir, release.Release, golden.file+".json")))}
		kind := object.GetKind()
		if wanted[kind] == nil {
			typed, err := scheme.Scheme.New(v1alpha1.SchemeGroupVersion.WithKind(kind))
			if err != nil {
				t.Fatal(err)
			}
			wanted[kind], has[kind] = sets.New[string](), sets.New[string]()
			for _, part := range []string{"Spec", "Status"} {
				if member, ok := reflect.TypeOf(typed).Elem().FieldByName(part); ok {
					wanted[kind].Insert(fieldsOf(member.Type, strings.ToLower(part))...)
				}
			}
		}
		for _, part := range []string{"spec", "status"} {
			collect(object.Object[part], part, has[kind])
		}
	}
	for kind, fields := range wanted {
		if missing := fields.Difference(has[kind]); missing.Len() > 0 {
			t.Errorf("%s: no golden file has %v", kind, sets.List(missing))
		}
	}
}

func collect(value any, path string, into sets.Set[string]) {
	into.Insert(path)
	switch value := value.(type) {
	case map[string]any:
		for name, part := range value {
			collect(part, path+"."+name, into)
		}
	case []any:
		for _, part := range value {
			collect(part, path, into)
		}
	}
}

func resources(t *testing.T, resource string) dynamic.ResourceInterface {
	t.Helper()
	client, err := dynamic.NewForConfig(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	all := client.Resource(v1alpha1.SchemeGroupVersion.WithResource(resource))
	if resource == "environmentclasses" {
		return all
	}
	return all.Namespace(namespace)
}

func key(resource string, object metav1.Object) string {
	return filepath.Join("/registry/replay.restage.dev/replay.restage.dev", resource, object.GetNamespace(), object.GetName())
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decoded(t *testing.T, data []byte) map[string]any {
	t.Helper()
	object := map[string]any{}
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	return object
}
