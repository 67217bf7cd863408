// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

// policyScope restricts the policies of these tests to one namespace.
const policyScope = `
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NS}}
    resourceRules:
    - {apiGroups: [replay.restage.dev], apiVersions: ["*"], operations: [CREATE], resources: [trafficreplays]}
`

// TestAdmissionPolicies shows that the cluster's own policies hold for our types: kube-apiserver does not run them for requests
// that it hands on, so that we must.
func TestAdmissionPolicies(t *testing.T) {
	t.Parallel()
	q := openQuay(t)
	t.Run("ValidatingAdmissionPolicy", func(t *testing.T) {
		q.cluster(t, `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NS}
spec:
  failurePolicy: Fail
  validations:
  - expression: object.spec.?buildTag.orValue("") != ""
    message: a replay must say which build it tests`+policyScope+`---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NS}
spec: {policyName: NS, validationActions: [Deny]}
`)
		kube.Eventually(t, time.Minute, "the policy denies", func() (bool, string) {
			_, err := q.create(t, "TrafficReplay", "untagged", ourReplay, "", "--dry-run=server")
			return err != nil && strings.Contains(err.Error(), "a replay must say which build it tests"), fmt.Sprint(err)
		})
		if _, err := q.create(t, "TrafficReplay", "tagged", "{snapshotName: monday, buildTag: v1}", "", "--dry-run=server"); err != nil {
			t.Errorf("a replay that obeys the policy: %v", err)
		}
	})
	t.Run("MutatingAdmissionPolicy", func(t *testing.T) {
		if !kube.HasPolicies(t) {
			q.withoutMutatingPolicies(t)
			return
		}
		q.cluster(t, `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: NS}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: 'Object{metadata: Object.metadata{labels: {"team": "checkout"}}}'`+policyScope+`---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: NS}
spec: {policyName: NS}
`)
		kube.Eventually(t, time.Minute, "the policy sets the label", func() (bool, string) {
			out, err := q.create(t, "TrafficReplay", "labelled", "{snapshotName: monday, buildTag: v1}", "", "--dry-run=server")
			return err == nil && strings.Contains(out, "team: checkout"), fmt.Sprint(out, err)
		})
	})
}

// withoutMutatingPolicies shows what holds on hosts before 1.36, which do not serve the policies as v1: the server goes without the plugin,
// says so, and takes writes.
func (q *quay) withoutMutatingPolicies(t *testing.T) {
	t.Helper()
	var version struct{ Minor string }
	if err := json.Unmarshal([]byte(kube.Kubectl(t, "get", "--raw", "/version")), &version); err != nil {
		t.Fatal(err)
	}
	if minor, err := strconv.Atoi(strings.TrimSuffix(version.Minor, "+")); err != nil || minor >= 36 {
		t.Fatalf("a host of minor %q does not serve MutatingAdmissionPolicies", version.Minor)
	}
	const said = `"Switched off what the host does not allow" feature="MutatingAdmissionPolicy"`
	if log := kube.Kubectl(t, "-n", "restage-system", "logs", "deployment/restage-apiserver"); !strings.Contains(log, said) {
		t.Errorf("the server does not say %s:\n%.5000s", said, log)
	}
	if _, err := q.create(t, "TrafficReplay", "unlabelled", "{snapshotName: monday, buildTag: v1}", "", "--dry-run=server"); err != nil {
		t.Error(err)
	}
}

// TestAdmissionQuota shows that the number of our objects can be limited. The server enforces the quota; the host only counts.
func TestAdmissionQuota(t *testing.T) {
	t.Parallel()
	q := openQuay(t)
	q.countReplays(t)
	if _, err := q.create(t, "TrafficReplay", "first", ourReplay, ""); err != nil {
		t.Fatal(err)
	}
	kube.Eventually(t, 30*time.Second, "the quota is enforced", func() (bool, string) { // the server hears of a quota after the host has
		_, err := q.create(t, "TrafficReplay", "second", ourReplay, "", "--dry-run=server")
		return err != nil && strings.Contains(err.Error(), "exceeded quota: replays, requested: count/trafficreplays.replay.restage.dev=1"), fmt.Sprint(err)
	})
	_, err := q.create(t, "TrafficReplay", "second", ourReplay, "")
	mustName(t, err, "Forbidden", "exceeded quota: replays", "used: count/trafficreplays.replay.restage.dev=1", "limited: count/trafficreplays.replay.restage.dev=1")
	q.kubectl(t, "delete", "trafficreplay", "first", "--timeout=60s")
	kube.Eventually(t, 90*time.Second, "the place is free again", func() (bool, string) {
		_, err := q.create(t, "TrafficReplay", "third", ourReplay, "", "--dry-run=server")
		return err == nil, fmt.Sprint(err)
	})
}

// countReplays makes a quota of one replay and waits until the host counts by it. The host looks for new resources every 30
// seconds, and a quota made before it knows of ours is not looked at again for 5 minutes: such a one is made anew.
func (q *quay) countReplays(t *testing.T) {
	t.Helper()
	kube.Eventually(t, 3*time.Minute, "the host counts replays", func() (bool, string) {
		q.kubectl(t, "delete", "resourcequota", "replays", "--ignore-not-found")
		q.apply(t, "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: replays, namespace: NS}\nspec: {hard: {count/trafficreplays.replay.restage.dev: 1}}\n")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := kube.Run(ctx, "", "kubectl", "-n", q.namespace, "wait", "resourcequota/replays",
			`--for=jsonpath={.status.used.count/trafficreplays\.replay\.restage\.dev}=0`, "--timeout=15s")
		return err == nil, fmt.Sprint(out, err)
	})
}

// TestAdmissionTerminatingNamespace keeps a namespace from going, and makes nothing in it.
func TestAdmissionTerminatingNamespace(t *testing.T) {
	t.Parallel()
	ns := kube.Namespace(t, "e2e-adm-going")
	kube.MustApply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+ns+"}\n---\n"+
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hold, namespace: "+ns+", finalizers: [e2e.restage.dev/hold]}\n")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := kube.Run(ctx, "", "kubectl", "-n", ns, "patch", "configmap", "hold", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`); err != nil {
			t.Error(err)
		}
	})
	kube.Kubectl(t, "delete", "namespace", ns, "--wait=false")
	kube.Kubectl(t, "wait", "namespace/"+ns, "--for=jsonpath={.status.phase}=Terminating", "--timeout=30s")
	q := &quay{ns}
	kube.Eventually(t, 30*time.Second, "creation is refused", func() (bool, string) { // the server hears of it after the host
		_, err := q.create(t, "ReplayProfile", "late", "{}", "", "--dry-run=server")
		return err != nil && strings.Contains(err.Error(), "because it is being terminated"), fmt.Sprint(err)
	})
	_, err := q.create(t, "ReplayProfile", "late", "{}", "")
	mustName(t, err, "Forbidden", "because it is being terminated")
	_, err = (&quay{"e2e-adm-nosuch"}).create(t, "ReplayProfile", "late", "{}", "")
	mustName(t, err, "NotFound", "e2e-adm-nosuch")
}
