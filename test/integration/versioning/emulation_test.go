// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package versioning

import (
	"encoding/json"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/install"
	"github.com/restage-dev/restage/pkg/apiserver"
	"github.com/restage-dev/restage/pkg/apiserver/testserver"
	"github.com/restage-dev/restage/pkg/generated/openapi"
	"github.com/restage-dev/restage/pkg/release"
)

// thisAPI is the API of this release.
func thisAPI() apiserver.API {
	return apiserver.API{Scheme: apiserver.NewScheme(install.Versions()...), Release: release.Release, Definitions: openapi.GetOpenAPIDefinitions}
}

// storedVersion returns the version in which a replay lies in etcd.
func storedVersion(t *testing.T, server *testserver.Server, name string) string {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: server.Etcd()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	response, err := client.Get(t.Context(), "/registry/replay.restage.dev/replay.restage.dev/trafficreplays/"+namespace+"/"+name)
	if err != nil || len(response.Kvs) != 1 {
		t.Fatalf("%s lies in etcd %d times, error %v", name, len(response.Kvs), err)
	}
	var object metav1.TypeMeta
	if err := json.Unmarshal(response.Kvs[0].Value, &object); err != nil {
		t.Fatal(err)
	}
	return object.GroupVersionKind().Version
}

// An upgrade reads what the release before has written, and one that emulates that release writes what it can read.
func TestUpgradeAndEmulation(t *testing.T) {
	dir := dataDir(t)
	server := serve(t, thisAPI(), dir)
	createSnapshot(t, server)
	alpha, _ := replays(t, server)
	create(t, alpha, newReplay("v1alpha1", "first", "snapshotName"))
	stop(t, server)

	server = serve(t, nextAPI(), dir)
	alpha, beta := replays(t, server)
	if version := storedVersion(t, server, "first"); version != "v1alpha1" {
		t.Errorf("before anybody wrote it, first is stored as %s", version)
	}
	expectField(t, beta, "first", "monday", "spec", "snapshot")
	labels := []byte(`{"metadata":{"labels":{"touched":"yes"}}}`)
	if _, err := alpha.Patch(t.Context(), "first", "application/merge-patch+json", labels, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if version := storedVersion(t, server, "first"); version != "v1beta1" {
		t.Errorf("the next release stores first as %s", version)
	}
	stop(t, server)

	server = serve(t, nextAPI(), dir, "--emulated-version=restage=0.1")
	defer stop(t, server)
	alpha, beta = replays(t, server)
	if _, err := beta.List(t.Context(), metav1.ListOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the release before knows v1beta1: %v", err)
	}
	expectVersions(t, server, "v1alpha1")
	expectField(t, alpha, "first", "monday", "spec", "snapshotName")
	create(t, alpha, newReplay("v1alpha1", "second", "snapshotName"))
	if version := storedVersion(t, server, "second"); version != "v1alpha1" {
		t.Errorf("emulating the release before, second is stored as %s", version)
	}
}

func TestBadEmulationIsRefused(t *testing.T) {
	for flag, want := range map[string]string{
		"restage=0.3":   "emulation version 0.3 is not between [0.1, 0.2",
		"restage=0.0":   "emulation version 0.0 is not between [0.1, 0.2",
		"restage=0.1.2": "patch version not allowed",
		"kube=1.30":     "EmulationVersion of kube is set by mapping",
		"other=1.0":     "component not registered: other",
	} {
		o := apiserver.NewOptionsFor(nextAPI())
		command := apiserver.NewCommandFor(t.Context(), o)
		command.SetArgs([]string{"--emulated-version=" + flag, "--data-dir=" + t.TempDir()})
		command.SilenceErrors = true
		if err := command.Execute(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--emulated-version=%s: %v, want %s", flag, err, want)
		}
	}
}
