// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

// TestDiscovery looks at the API as kubectl does.
func TestDiscovery(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"raw", []string{"get", "--raw", "/apis/replay.restage.dev/v1alpha1"},
			[]string{`"trafficreplays/report"`, `"trafficsnapshots/records"`, `"environmentclasses"`, `"envclass"`}},
		{"api-resources", []string{"api-resources", "--api-group=replay.restage.dev"},
			[]string{"TrafficCapture", "TrafficSnapshot", "ReplayProfile", "Environment", "EnvironmentClass", "TrafficReplay"}},
		{"explain", []string{"explain", "trafficreplay.spec"}, []string{"snapshotName", "ttlAfterFinished", "-required-"}},
		{"explain recursive", []string{"explain", "environments", "--recursive"}, []string{"responderAddress"}},
		{"openapi v2", []string{"get", "--raw", "/openapi/v2"}, []string{"dev.restage"}},
		{"category", []string{"get", "restage", "-A"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := kube.Kubectl(t, c.args...)
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%.2000s", want, out)
				}
			}
		})
	}
}

// TestNamespaceDeletion shows that our objects do not keep a namespace: the namespace function waits for its end.
func TestNamespaceDeletion(t *testing.T) {
	t.Parallel()
	ns := kube.Namespace(t, "e2e-ns")
	kube.Kubectl(t, "create", "namespace", ns)
	kube.MustApply(t, kube.DemoManifest(t, "profile.yaml", ns))
}

const badHeader = "apiVersion: replay.restage.dev/v1alpha1\nmetadata: {name: bad, namespace: NS}\n"

// TestDryRunAndRefusals records a front that calls its back end by two names, so that a part of both is ambiguous.
func TestDryRunAndRefusals(t *testing.T) {
	t.Parallel()
	const url = `"--backend-url=http://back:9898/echo"`
	s := openShop(t, url, url+`, "--backend-url=http://back.$(POD_NAMESPACE).svc:9898/echo"`,
		"env:\n        - {name: PODINFO_DATA_PATH", "env:\n        - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}\n        - {name: PODINFO_DATA_PATH")
	s.client(t, "visitor", `curl -sS -d hello http://front:9898/echo; curl -sS http://front:9898/version`)
	s.snapshot(t, "small")

	t.Run("server-side dry run shows the pod that will run", func(t *testing.T) {
		manifest := strings.ReplaceAll(badHeader, "NS", s.namespace) +
			"kind: Environment\nspec: {snapshotName: small, workloads: [{ref: {name: front}}]}\n"
		out := kube.MustApply(t, manifest, "--server-side", "--dry-run=server", "-o", "yaml")
		for _, want := range []string{"restage-init", "restage-proxy", "--mode=Isolate", "restartPolicy: Always", "image: localhost/restage/podinfo:current"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not in\n%s", want, out)
			}
		}
		if left := s.kubectl(t, "get", "environments", "-o", "name"); left != "" {
			t.Errorf("the dry run made %s", left)
		}
	})

	// each error must hold all of the words
	for _, c := range []struct{ name, manifest, want string }{
		{"unknown snapshot", "kind: TrafficReplay\nspec: {snapshotName: nosuch}", "spec.snapshotName"},
		{"ambiguous slice key", "kind: TrafficReplay\nspec: {snapshotName: small, workloads: [{ref: {name: front}, mocks: [back]}]}", "spec.workloads[0].mocks[0] ambiguous back:9898 back.NS.svc:9898"},
		{"unknown slice key", "kind: TrafficReplay\nspec: {snapshotName: small, workloads: [{ref: {name: front}, mocks: [zzz]}]}", "spec.workloads[0].mocks[0] zzz"},
		{"missing workload", "kind: TrafficReplay\nspec: {snapshotName: small, workloads: [{ref: {name: nosuch}}]}", "spec.workloads[0].ref"},
		{"unknown field", "kind: TrafficReplay\nspec: {snapshotName: small, speeed: 2}", "spec.speeed"},
		{"negative duration", "kind: TrafficReplay\nspec: {snapshotName: small, timeout: -5m}", "spec.timeout"},
		{"negative window", "kind: TrafficSnapshot\nspec: {workloadRef: {name: front}, last: -1m}", "spec.last"},
		{"kind of workload", "kind: TrafficCapture\nspec: {workloadRef: {apiVersion: v1, kind: ConfigMap, name: front}}", "spec.workloadRef.kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := kube.Apply(t, strings.ReplaceAll(badHeader, "NS", s.namespace)+c.manifest+"\n")
			if err == nil {
				t.Fatalf("it was accepted: %s", out)
			}
			for _, want := range strings.Fields(strings.ReplaceAll(c.want, "NS", s.namespace)) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not name %s: %v", want, err)
				}
			}
		})
	}

	t.Run("kubectl get -w", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		out, _ := kube.Run(ctx, "", "kubectl", "-n", s.namespace, "get", "trafficsnapshots", "-w")
		if !strings.Contains(out, "small") || !strings.Contains(out, "WORKLOAD") {
			t.Errorf("the watch printed:\n%s", out)
		}
	})
}
