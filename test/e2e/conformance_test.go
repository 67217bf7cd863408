// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/test/conformance"
	"github.com/restage-dev/restage/test/kube"
)

// idleFront is a workload without pods, for objects to refer to.
const idleFront = `
apiVersion: v1
kind: Namespace
metadata: {name: NS}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: front, namespace: NS}
spec:
  replicas: 0
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front}}
    spec:
      containers:
      - {name: app, image: "localhost/restage/podinfo:current", ports: [{containerPort: 9898}]}
`

// TestConformance runs the conformance suite through the aggregator, with the cluster's garbage collector. The operator
// is away meanwhile: it would write to the objects.
func TestConformance(t *testing.T) {
	ns := kube.Namespace(t, "e2e-conformance")
	kube.MustApply(t, inNamespace(idleFront, ns))
	config := kube.Config(t)
	host, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	stopOperator(t)
	forgotten := formerVersion(t, ns)
	restartServer(t)
	suite := conformance.Suite{Config: config, Namespace: ns, Host: host, Forgotten: forgotten}
	suite.Run(t)
	noRefusals(t)
}

// stopOperator scales the operator to nothing until the end of the test.
func stopOperator(t *testing.T) {
	t.Helper()
	const operator = "deployment/restage-controller"
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		for _, args := range [][]string{{"scale", operator, "--replicas=1"}, {"rollout", "status", operator, "--timeout=110s"}} {
			if _, err := kube.Run(ctx, "", "kubectl", append([]string{"-n", "restage-system"}, args...)...); err != nil {
				t.Errorf("bringing the operator back: %v", err)
			}
		}
	})
	kube.Kubectl(t, "-n", "restage-system", "scale", operator, "--replicas=0")
	kube.Kubectl(t, "-n", "restage-system", "wait", "--for=delete", "pod", "-l", "app.kubernetes.io/component=controller", "--timeout=60s")
}

// formerVersion returns a resource version after which some more objects are written.
func formerVersion(t *testing.T, ns string) string {
	t.Helper()
	version := ""
	for _, name := range []string{"former-1", "former-2", "former-3"} {
		kube.MustApply(t, inNamespace(profileManifest, ns, "NAME", name))
		if version == "" {
			version = kube.Kubectl(t, "-n", ns, "get", "replayprofile", name, "-o", "jsonpath={.metadata.resourceVersion}")
		}
	}
	kube.Kubectl(t, "-n", ns, "delete", "replayprofiles", "--all")
	return version
}

// restartServer restarts the API server, which forgets what it only kept in memory.
func restartServer(t *testing.T) {
	t.Helper()
	kube.Kubectl(t, "-n", "restage-system", "rollout", "restart", "deployment/restage-apiserver")
	kube.Kubectl(t, "-n", "restage-system", "rollout", "status", "deployment/restage-apiserver", "--timeout=180s")
	kube.Eventually(t, 2*time.Minute, "the API answers through the aggregator", func() (bool, string) {
		out, err := kube.Run(t.Context(), "", "kubectl", "get", "--raw", "/apis/replay.restage.dev/v1alpha1/replayprofiles?limit=1")
		if err != nil {
			return false, err.Error()
		}
		return true, out
	})
}
