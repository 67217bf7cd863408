// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

// quayManifest is a workload that runs no pod and reads a Secret, and a snapshot of its traffic, of which there is none.
const quayManifest = `
apiVersion: v1
kind: Namespace
metadata: {name: NS}
---
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: NS}
stringData: {PASSWORD: hunter2}
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
      - name: podinfo
        image: localhost/restage/podinfo:current
        args: [--port=9898]
        envFrom: [{secretRef: {name: db}}]
        ports: [{containerPort: 9898}]
---
apiVersion: replay.restage.dev/v1alpha1
kind: TrafficSnapshot
metadata: {name: monday, namespace: NS}
spec: {workloadRef: {name: front}, last: 1m}
`

// quay is a namespace with something to replay.
type quay struct {
	namespace string
}

func openQuay(t *testing.T) *quay {
	t.Helper()
	q := &quay{kube.Namespace(t, "e2e-adm-"+strings.ToLower(strings.TrimPrefix(t.Name(), "TestAdmission")))}
	q.apply(t, quayManifest)
	return q
}

func (q *quay) in(manifest string) string { return strings.ReplaceAll(manifest, "NS", q.namespace) }

func (q *quay) apply(t *testing.T, manifest string) {
	t.Helper()
	kube.MustApply(t, q.in(manifest))
}

func (q *quay) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return kube.Kubectl(t, append([]string{"-n", q.namespace}, args...)...)
}

// cluster applies what lies outside the namespace and deletes it at the end of the test.
func (q *quay) cluster(t *testing.T, manifest string) {
	t.Helper()
	manifest = q.in(manifest)
	kube.MustApply(t, manifest)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := kube.Run(ctx, manifest, "kubectl", "delete", "--ignore-not-found", "-f", "-"); err != nil {
			t.Error(err)
		}
	})
}

// create creates an object of ours from its spec, as a user when one is named. The error is what the server says.
func (q *quay) create(t *testing.T, kind, name, spec, as string, args ...string) (string, error) {
	t.Helper()
	manifest := q.in(fmt.Sprintf("apiVersion: replay.restage.dev/v1alpha1\nkind: %s\nmetadata: {name: %s, namespace: NS}\nspec: %s\n", kind, name, spec))
	args = append([]string{"create", "-f", "-", "-o", "yaml"}, args...)
	if as != "" {
		args = append(args, "--as="+as, "--as-group=system:authenticated")
	}
	return kube.Run(t.Context(), manifest, "kubectl", args...)
}

// bind gives a role in the namespace to a user of that name, and waits until the cluster knows.
func (q *quay) bind(t *testing.T, user, role, verb, resource string) {
	t.Helper()
	q.kubectl(t, "create", "rolebinding", strings.ReplaceAll(user+"-"+role, "/", "-"), "--user="+user, "--"+strings.Replace(role, "/", "=", 1))
	kube.Eventually(t, time.Minute, user+" has its role", func() (bool, string) {
		out, err := kube.Run(t.Context(), "", "kubectl", "-n", q.namespace, "auth", "can-i", verb, resource, "--as="+user, "--as-group=system:authenticated")
		return err == nil && out == "yes", out
	})
}

// mustName fails the test unless the error is a refusal that holds all of the words.
func mustName(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("it was accepted")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %s:\n%v", word, err)
		}
	}
}

const ourReplay = "{snapshotName: monday}"

// TestAdmissionAccess makes replays as users with some rights and not others.
func TestAdmissionAccess(t *testing.T) {
	t.Parallel()
	q := openQuay(t)
	q.cluster(t, "apiVersion: replay.restage.dev/v1alpha1\nkind: EnvironmentClass\nmetadata: {name: NS}\nspec: {imagePullPolicy: IfNotPresent}\n")
	const class = "{snapshotName: monday, environment: {template: {className: NS}}}"
	inNamespace := fmt.Sprintf("in the namespace %q", q.namespace)

	t.Run("may create replays but no pods", func(t *testing.T) {
		q.apply(t, `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: replayer, namespace: NS}
rules:
- {apiGroups: [replay.restage.dev], resources: [trafficreplays, trafficcaptures, environments], verbs: [create, get]}
- {apiGroups: [replay.restage.dev], resources: [trafficsnapshots], verbs: [get]}
- {apiGroups: [apps], resources: [deployments], verbs: [get]}
`)
		q.bind(t, "replayer", "role/replayer", "create", "trafficreplays.replay.restage.dev")
		_, err := q.create(t, "TrafficReplay", "try", ourReplay, "replayer")
		mustName(t, err, "Forbidden", `spec.workloads: user "replayer" cannot create resource "pods" in API group "" `+inNamespace,
			`envFrom[0].secretRef.name: user "replayer" cannot get resource "secrets" in API group "" `+inNamespace+`, name "db"`)
		_, err = q.create(t, "Environment", "try", "{snapshotName: monday, workloads: [{ref: {name: front}}]}", "replayer")
		mustName(t, err, "Forbidden", `cannot create resource "pods"`, `cannot get resource "secrets"`)
		_, err = q.create(t, "TrafficCapture", "try", "{workloadRef: {name: front}}", "replayer")
		mustName(t, err, "Forbidden", `spec.workloadRef.name: user "replayer" cannot patch resource "deployments" in API group "apps" `+inNamespace)
		_, err = q.create(t, "TrafficReplay", "try", "{snapshotName: monday, mode: LoadOnly, target: {url: \"http://elsewhere\"}}", "replayer")
		mustName(t, err, "Forbidden", `spec.target.url: user "replayer" cannot get resource "trafficsnapshots/records" in API group "replay.restage.dev" `+inNamespace)
		if left := q.kubectl(t, "get", "trafficreplays,environments,trafficcaptures", "-o", "name"); left != "" {
			t.Errorf("refused requests left %s", left)
		}
	})

	t.Run("edit is enough for the default class, and not for others", func(t *testing.T) {
		q.bind(t, "editor", "clusterrole/edit", "create", "trafficreplays.replay.restage.dev")
		if _, err := q.create(t, "TrafficReplay", "edited", ourReplay, "editor", "--dry-run=server"); err != nil {
			t.Fatal(err)
		}
		_, err := q.create(t, "TrafficReplay", "edited", class, "editor")
		mustName(t, err, `spec.environment.template.className: user "editor" cannot use resource "environmentclasses" in API group "replay.restage.dev" `+inNamespace)
		q.bind(t, "editor", "clusterrole/restage-class-user", "use", "environmentclasses.replay.restage.dev")
		kube.Eventually(t, time.Minute, "the class can be used", func() (bool, string) { // a denial is remembered for some seconds
			_, err := q.create(t, "TrafficReplay", "edited", class, "editor", "--dry-run=server")
			return err == nil, fmt.Sprint(err)
		})
	})

	t.Run("the controller may do what it does for users", func(t *testing.T) {
		if _, err := q.create(t, "TrafficReplay", "mocks", strings.Replace(class, "{", "{mode: MocksOnly, ", 1), "editor"); err != nil {
			t.Fatal(err)
		}
		q.kubectl(t, "wait", "--for=create", "environment/mocks", "--timeout=90s")
		if got := q.kubectl(t, "get", "environment", "mocks", "-o", "jsonpath={.spec.className}"); got != q.namespace {
			t.Errorf("the environment is of class %q", got)
		}
		q.kubectl(t, "delete", "trafficreplay", "mocks", "--timeout=60s")
	})

	t.Run("view sees objects and no payloads", func(t *testing.T) {
		q.bind(t, "viewer", "clusterrole/view", "get", "trafficsnapshots.replay.restage.dev")
		if out := q.kubectl(t, "get", "trafficsnapshots,trafficreplays", "--as=viewer", "-o", "name"); !strings.Contains(out, "monday") {
			t.Errorf("a viewer sees %q", out)
		}
		const root = "/apis/replay.restage.dev/v1alpha1/namespaces/"
		for _, path := range []string{"/trafficsnapshots/monday/records", "/trafficreplays/try/report"} {
			_, err := kube.Run(t.Context(), "", "kubectl", "get", "--raw", root+q.namespace+path, "--as=viewer")
			mustName(t, err, "orbidden", `User "viewer" cannot get resource`)
		}
		_, err := q.create(t, "TrafficReplay", "viewed", ourReplay, "viewer")
		mustName(t, err, "Forbidden", `User "viewer" cannot create resource "trafficreplays"`)
	})
}

// TestAdmissionLimits counts replays that serve mocks, which do not end by themselves.
func TestAdmissionLimits(t *testing.T) {
	t.Parallel()
	q := openQuay(t)
	q.cluster(t, `
apiVersion: replay.restage.dev/v1alpha1
kind: EnvironmentClass
metadata: {name: NS}
spec:
  maxTimeout: 20m
  limits: {maxConcurrentReplaysPerWorkload: 1, maxWorkloads: 1, maxSpeed: "2"}
`)
	const spec = "{snapshotName: monday, mode: MocksOnly, environment: {template: {className: NS}}"
	_, err := q.create(t, "TrafficReplay", "greedy", spec+", timeout: 1h, profile: {load: {speed: \"3\"}}}", "")
	mustName(t, err, "Forbidden", q.in(`spec.timeout: exceeded limit: maxTimeout of EnvironmentClass "NS", requested: 1h0m0s, limited: 20m0s`),
		"spec.profile.load.speed: exceeded limit: maxSpeed")
	if _, err := q.create(t, "TrafficReplay", "first", spec+"}", ""); err != nil {
		t.Fatal(err)
	}
	_, err = q.create(t, "TrafficReplay", "second", spec+"}", "")
	mustName(t, err, "Forbidden", "spec.snapshotName: exceeded limit: maxConcurrentReplaysPerWorkload", `Deployment "front", requested: 1, used: 1, limited: 1`)
	q.kubectl(t, "delete", "trafficreplay", "first", "--timeout=60s")
	if _, err := q.create(t, "TrafficReplay", "second", spec+"}", ""); err != nil {
		t.Errorf("after the first has gone: %v", err)
	}
}

// TestAdmissionWarnings shows that kubectl prints what is legal but doubtful.
func TestAdmissionWarnings(t *testing.T) {
	t.Parallel()
	q := openQuay(t)
	manifest := q.in(`
apiVersion: replay.restage.dev/v1alpha1
kind: TrafficReplay
metadata: {name: doubtful, namespace: NS}
spec:
  snapshotName: monday
  ttlAfterFinished: 0s
  profile: {goals: [{name: easy, expression: "true"}]}
  workloads: [{ref: {name: front}, containers: [{image: "localhost/restage/podinfo"}]}]
`)
	out, err := kube.Run(t.Context(), manifest, "sh", "-c", "kubectl create --dry-run=server -f - 2>&1")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Warning: spec.ttlAfterFinished: ", "Warning: spec.profile.goals[0].expression: ", "Warning: spec.workloads[0].containers[0].image: "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// TestAdmissionDryRun creates one of each kind as a trial and finds nothing of it.
func TestAdmissionDryRun(t *testing.T) {
	t.Parallel()
	q := openQuay(t)
	q.apply(t, "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: replays, namespace: NS}\nspec: {hard: {count/trafficreplays.replay.restage.dev: 1}}\n")
	q.kubectl(t, "wait", "resourcequota/replays", `--for=jsonpath={.status.used.count/trafficreplays\.replay\.restage\.dev}=0`, "--timeout=90s")
	q.kubectl(t, "wait", "--for=condition=Ready", "trafficsnapshot/monday", "--timeout=60s")
	const namespaced = "trafficcaptures,trafficsnapshots,replayprofiles,environments,trafficreplays,all,secrets,configmaps,serviceaccounts,roles," +
		"rolebindings,resourcequotas" // other tests make classes meanwhile
	state := func() string {
		return q.kubectl(t, "get", namespaced, "-o",
			`jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid} {.metadata.generation} {.status.used}{"\n"}{end}`)
	}
	before := state()
	for range 2 { // the quota would not let the second of two real ones pass
		for kind, spec := range map[string]string{
			"TrafficCapture":  "{workloadRef: {name: front}}",
			"TrafficSnapshot": "{workloadRef: {name: front}, last: 1m}",
			"ReplayProfile":   "{}",
			"Environment":     "{snapshotName: monday, workloads: [{ref: {name: front}}]}",
			"TrafficReplay":   ourReplay,
		} {
			if out, err := q.create(t, kind, "trial", spec, "", "--dry-run=server"); err != nil || !strings.Contains(out, "name: trial") {
				t.Errorf("%s: %q, error %v", kind, out, err)
			}
		}
	}
	if after := state(); after != before {
		t.Errorf("the dry runs made of\n%s\n%s", before, after)
	}
}
