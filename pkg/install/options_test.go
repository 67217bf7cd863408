// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
)

func TestMistakesAreNamed(t *testing.T) {
	for _, test := range []struct {
		options Options
		want    string
	}{
		{Options{ClusterName: "a\nb"}, `clusterName (--cluster-name): "a\nb": must be at most 253 characters`},
		{Options{Namespace: "Here"}, `namespace (--namespace): "Here": `},
		{Options{Registry: "https://registry.example"}, `registry (--registry): "https://registry.example": must be a registry`},
		{Options{Registry: "registry.example/"}, `registry (--registry): "registry.example/"`},
		{Options{Tag: "a b"}, `tag (--tag): "a b": must be a tag`},
		{Options{ImagePullPolicy: "Sometimes"}, `imagePullPolicy (--image-pull-policy): "Sometimes": must be one of Always, IfNotPresent, Never`},
		{Options{ImagePullSecrets: []string{"a", "a"}}, `imagePullSecrets[1] (--image-pull-secrets): "a": is there twice`},
		{Options{StorageURL: "/data"}, `storageURL (--storage-url): "/data": must be file:///directory or s3://`},
		{Options{HA: true}, "etcdServers (--etcd-servers): is required with ha (--ha)"},
		{Options{EtcdServers: []string{"https://a:2379"}}, `etcdServers (--etcd-servers): "https://a:2379": is used with ha`},
		{Options{HA: true, EtcdServers: []string{"a:2379"}}, `etcdServers[0] (--etcd-servers): "a:2379": must be a URL`},
		{Options{KubeVersion: "1.34"}, `kubeVersion (--kube-version): "1.34": must be from 1.35 to 1.37`},
		{Options{KubeVersion: "newest"}, `kubeVersion (--kube-version): "newest": must be a version of Kubernetes`},
		{Options{Injection: InjectionPolicy, KubeVersion: "1.35"}, "injection (--injection): \"policy\": needs MutatingAdmissionPolicy of admissionregistration.k8s.io/v1, " +
			"which Kubernetes has from 1.36 on, and kubeVersion (--kube-version) is 1.35; use webhook"},
		{Options{Injection: InjectionWorkload, KubeVersion: "v1.35.4"}, "injection (--injection): \"workload\": needs MutatingAdmissionPolicy of admissionregistration.k8s.io/v1"},
		{Options{Injection: "operator"}, `injection (--injection): "operator": must be one of workload, manual, webhook, policy`},
		{Options{Namespaces: []string{"a.b"}}, `namespaces[0] (--namespaces): "a.b": `},
	} {
		if _, err := Render(test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v gave %v, want %s", test.options, err, test.want)
		}
	}
}

func TestReadValues(t *testing.T) {
	got, err := ReadValues([]byte("registry: registry.example\nstorageURL: s3://bucket\nnamespaces: [shop]\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Registry, want.StorageURL, want.Namespaces = "registry.example", "s3://bucket", []string{"shop"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for values, want := range map[string]string{
		"colour: red":             `unknown field "colour"`,
		"clustername: west":       `unknown field "clustername"`,
		"tag: v1\ntag: v2":        `key "tag" already set`,
		"ha: sometimes":           "ha of type bool",
		"imagePullSecrets: a":     "imagePullSecrets",
		"- registry: example.com": "cannot unmarshal array",
	} {
		if _, err := ReadValues([]byte(values)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gave %v, want %s", values, err, want)
		}
	}
}

// A folder that was written can be applied by kustomize, and gives the same objects.
func TestWriteKustomization(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "restage")
	all, err := Render(full())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time over what is there
		if err := WriteKustomization(folder, all); err != nil {
			t.Fatal(err)
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(onDisk(t), folder)
	if err != nil {
		t.Fatal(err)
	}
	var read objects
	for _, resource := range built.Resources() {
		read = append(read, fromResource(t, resource))
	}
	var want, got strings.Builder
	if err := errors.Join(Write(&want, all), Write(&got, read)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(folder, "mine.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteKustomization(folder, all); err == nil || !strings.Contains(err.Error(), "mine.yaml") {
		t.Errorf("a folder with other files: %v", err)
	}
}
