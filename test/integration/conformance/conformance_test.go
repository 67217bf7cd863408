// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package conformance runs the conformance suite against a server in process.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apiserver"
	"github.com/restage-dev/restage/pkg/apiserver/testserver"
	"github.com/restage-dev/restage/test/conformance"
)

const namespace = "shop"

func TestConformance(t *testing.T) {
	// Not the test's own directory, whose name may be too long for a socket.
	dir, err := os.MkdirTemp("", "restage")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	forgotten := formerLife(t, dir)
	server := start(t, dir)
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("the server did not end in order: %v", err)
		}
	})
	suite := conformance.Suite{
		Config: server.Config, Namespace: namespace, Forgotten: forgotten,
		Compact: func(ctx context.Context) error { return compact(ctx, server.Etcd()) },
	}
	suite.Run(t)
}

func start(t *testing.T, dir string) *testserver.Server {
	t.Helper()
	labels := map[string]string{"app": "front"}
	o := apiserver.NewOptions()
	o.EmbeddedEtcd.DataDir = dir
	server, err := testserver.StartWith(context.Background(), o, nil,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "front"}, Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "app", Image: "example.com/app:1", Ports: []corev1.ContainerPort{{ContainerPort: 9898}},
				}}},
			},
		}})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// formerLife runs a server on the data for a while and returns a resource version of that time.
func formerLife(t *testing.T, dir string) string {
	t.Helper()
	server := start(t, dir)
	classes := server.Client.ReplayV1alpha1().EnvironmentClasses()
	version := ""
	for i := range 3 {
		class := &v1alpha1.EnvironmentClass{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("former-%d", i)}}
		created, err := classes.Create(t.Context(), class, metav1.CreateOptions{})
		if err == nil {
			err = classes.Delete(t.Context(), created.Name, metav1.DeleteOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
		if version == "" {
			version = created.ResourceVersion
		}
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	return version
}

// compact makes etcd forget, and writes down up to where, as the compactor of an API server does.
func compact(ctx context.Context, endpoints []string) error {
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints})
	if err != nil {
		return fmt.Errorf("connecting to etcd: %w", err)
	}
	defer func() { _ = client.Close() }()
	head, err := client.Get(ctx, "compact_rev_key")
	if err != nil {
		return fmt.Errorf("reading the revision: %w", err)
	}
	revision := head.Header.Revision
	if _, err := client.Put(ctx, "compact_rev_key", strconv.FormatInt(revision, 10)); err != nil {
		return fmt.Errorf("writing down the revision: %w", err)
	}
	if _, err := client.Compact(ctx, revision); err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("compacting: %w", err)
	}
	return nil
}
