// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package apiserver tests the whole API server in process, on embedded etcd, through the generated clients.
package apiserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apiserver/testserver"
	"github.com/restage-dev/restage/pkg/forwarder/forwardertest"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	replayclient "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
)

const namespace = "shop"

var (
	server    *testserver.Server
	forwarder *forwardertest.Server
	auditLog  string // path
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "restage-forwarder")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var connection grpc.ClientConnInterface
	if forwarder, connection, err = startForwarder(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, "starting the forwarder:", err)
		return 1
	}
	auditLog = filepath.Join(dir, "audit.log")
	server, err = testserver.StartWith(ctx, auditTo(auditLog, filepath.Join(dir, "policy.yaml")), connection,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		deployment("front", "app"),
		deployment("pair", "one", "two"),
		hostNetworked(deployment("node-agent", "agent")),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "the server did not end in order:", err)
		return 1
	}
	if err := forwarder.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "the forwarder did not end in order:", err)
		return 1
	}
	return code
}

func client() replayclient.ReplayV1alpha1Interface {
	return versioned.Interface(server.Client).ReplayV1alpha1()
}

func deployment(name string, containers ...string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		},
	}
	for i, container := range containers {
		d.Spec.Template.Spec.Containers = append(d.Spec.Template.Spec.Containers, corev1.Container{
			Name: container, Image: "example.com/" + container + ":1",
			Args:  []string{"--metrics=9797"},
			Env:   []corev1.EnvVar{{Name: "MESSAGE", Value: "live"}},
			Ports: []corev1.ContainerPort{{ContainerPort: int32(9898 + i)}},
		})
	}
	return d
}

func hostNetworked(d *appsv1.Deployment) *appsv1.Deployment {
	d.Spec.Template.Spec.HostNetwork = true
	return d
}
