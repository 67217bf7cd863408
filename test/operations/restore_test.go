// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package operations

import (
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	replayclient "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
	"github.com/restage-dev/restage/test/kube"
)

// The default installation, backed up and restored as the documentation says.
func TestBackupAndRestore(t *testing.T) {
	install(t, "../../artifacts/dev")
	profiles := client(t).ReplayV1alpha1().ReplayProfiles(namespace)
	kept := create(t, profiles, "kept")
	kube.Kubectl(t, "-n", system, "exec", apiserver, "--", "/restage-apiserver", "backup",
		"--data-dir=/var/lib/restage/etcd", "--to=file:///var/lib/restage/backups")
	later := create(t, profiles, "later")

	kube.Kubectl(t, "-n", system, "scale", apiserver, "--replicas=0")
	awaitPods(t, 0)
	job := strings.NewReplacer("restage/apiserver:v0.1.0", "localhost/restage/apiserver:dev", "- restore\n", "- restore\n        - --move-aside\n").
		Replace(kube.Kubectl(t, "kustomize", "../../artifacts/restore"))
	kube.MustApply(t, job)
	kube.Kubectl(t, "-n", system, "wait", "--for=condition=Complete", "job/restage-restore", "--timeout=3m")
	kube.Kubectl(t, "-n", system, "delete", "job", "restage-restore")
	kube.Kubectl(t, "-n", system, "scale", apiserver, "--replicas=1")
	awaitServer(t)

	restored, err := profiles.Get(t.Context(), "kept", metav1.GetOptions{})
	if err != nil || restored.UID != kept.UID {
		t.Errorf("what was backed up: %v, error %v", restored, err)
	}
	if _, err := profiles.Get(t.Context(), "later", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("what came later gave %v", err)
	}
	expired(t, profiles, later.ResourceVersion)
	if a, b := version(t, create(t, profiles, "fresh")), version(t, later); a <= b {
		t.Errorf("resource version %d comes after %d", a, b)
	}
	refusesAnotherStore(t)
}

func create(t *testing.T, profiles replayclient.ReplayProfileInterface, name string) *v1alpha1.ReplayProfile {
	t.Helper()
	created, err := profiles.Create(t.Context(), &v1alpha1.ReplayProfile{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func version(t *testing.T, object *v1alpha1.ReplayProfile) uint64 {
	t.Helper()
	v, err := strconv.ParseUint(object.ResourceVersion, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// expired checks that a watch from before the restore ends with 410.
func expired(t *testing.T, profiles replayclient.ReplayProfileInterface, version string) {
	t.Helper()
	watcher, err := profiles.Watch(t.Context(), metav1.ListOptions{ResourceVersion: version})
	if err == nil {
		defer watcher.Stop()
		event := <-watcher.ResultChan()
		if event.Type != watch.Error {
			t.Fatalf("the watch from version %s gave %s %v", version, event.Type, event.Object)
		}
		err = apierrors.FromObject(event.Object)
	}
	if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
		t.Errorf("the watch from version %s gave %v", version, err)
	}
}

// refusesAnotherStore has the marker name another store, as it does when the volume is not the one that was here.
func refusesAnotherStore(t *testing.T) {
	t.Helper()
	const configMap = "configmap/restage-apiserver-store"
	id := kube.Kubectl(t, "-n", system, "get", configMap, "-o", "jsonpath={.data.id}")
	mark := func(id string) {
		kube.Kubectl(t, "-n", system, "patch", configMap, "-p", `{"data":{"id":"`+id+`"}}`)
		kube.Kubectl(t, "-n", system, "delete", "pod", "-l", "app.kubernetes.io/name=restage-apiserver", "--grace-period=1")
	}
	mark("another")
	kube.Eventually(t, patience, "the server says why it does not start", func() (bool, string) {
		out, err := kube.Run(t.Context(), "", "kubectl", "-n", system, "logs", apiserver)
		if err != nil {
			return false, err.Error()
		}
		return strings.Contains(out, "store another was here, this one is "+id) && strings.Contains(out, "delete ConfigMap restage-system/restage-apiserver-store"), out
	})
	mark(id)
	awaitServer(t)
}
