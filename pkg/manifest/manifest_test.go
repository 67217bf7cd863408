// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	jsonyaml "sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

func options() Options {
	return Options{Forwarder: "restage-forwarder.restage-system.svc:4143", Image: "registry.example/proxy:1", ImagePullPolicy: corev1.PullIfNotPresent, ImagePullSecrets: []string{"pull"}}
}

// stream is what lies in a Git repository: comments, other objects, workloads in many forms.
const stream = `# the shop
apiVersion: v1
kind: Service
metadata: {name:   front}   # odd spacing stays
spec:
    ports: [ {port: 80} ]
---
apiVersion: apps/v1
kind: Deployment # the front
metadata:
  name: front
  namespace: shop
spec:
  # two of them
  replicas: 2
  selector:
    matchLabels: {app: front}
  template:
    metadata:
      labels: {app: front}
    spec:
      containers:
      - name: app # the app
        image: front:1
        ports:
        - containerPort: 9898
      # data
      volumes:
      - name: data
        emptyDir: {}
--- # the rest
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    annotations: {}
    name: back
  spec:
    template:
      spec:
        containers:
        - {name: app, image: "back:1"}
        imagePullSecrets:
        - name: pull
        initContainers: []
- apiVersion: v1
  kind: ConfigMap
  metadata:
    name: back
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: db
spec:
  template:
    spec:
      containers:
      - {name: db, image: "db:1"}
---
apiVersion: batch/v1
kind: CronJob
metadata:
  name: night
spec:
  jobTemplate:
    spec:
      template:
        spec:
          containers:
          - {name: app, image: "night:1"}
---
apiVersion: v1
kind: Pod
metadata:
  name: bare
spec:
  containers:
  - {name: app, image: "bare:1"}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: canary
spec:
  template:
    spec:
      containers:
      - {name: app, image: "canary:1"}
---
apiVersion: example.com/v1
kind: Gadget
metadata: {name: none}
---
`

func TestRoundTrip(t *testing.T) {
	injected, err := Inject([]byte(stream), options())
	if err != nil {
		t.Fatal(err)
	}
	changed := []string{"deployment.apps/front", "deployment.apps/back", "statefulset.apps/db", "cronjob.batch/night", "pod/bare", "rollout.argoproj.io/canary"}
	if diff := cmp.Diff(changed, injected.Changed); diff != "" {
		t.Error(diff)
	}
	text := string(injected.YAML)
	for _, kept := range []string{"metadata: {name:   front}   # odd spacing stays\n", "# two of them\n", "- name: app # the app\n", "--- # the rest\n", "kind: Gadget\nmetadata: {name: none}\n---\n"} {
		if !strings.Contains(text, kept) {
			t.Errorf("%q is not kept in:\n%s", kept, text)
		}
	}
	again, err := Inject(injected.YAML, options())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, string(again.YAML)); diff != "" {
		t.Errorf("injecting twice differs from once: %s", diff)
	}
	restored, err := Uninject(injected.YAML)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stream, string(restored.YAML)); diff != "" {
		t.Errorf("the original did not come back: %s", diff)
	}
	untouched, err := Uninject([]byte(stream))
	if err != nil || string(untouched.YAML) != stream || len(untouched.Changed) != 0 {
		t.Errorf("what has no proxy was changed: %v, %v", untouched.Changed, err)
	}
}

// What is injected is what the pure function, which the operator applies, says.
func TestInjectsWhatTheOperatorDoes(t *testing.T) {
	injected, err := Inject([]byte(strings.Split(stream, "---")[1]), options())
	if err != nil {
		t.Fatal(err)
	}
	var deployment appsv1.Deployment
	if err := jsonyaml.UnmarshalStrict(injected.YAML, &deployment); err != nil {
		t.Fatal(err)
	}
	patch := injection.Capture(injection.CaptureOptions{
		Settings: wiring.NewCaptureSettings("front", []uint16{9898}), Forwarder: options().Forwarder, Image: options().Image, ImagePullPolicy: corev1.PullIfNotPresent,
	})
	spec := deployment.Spec.Template.Spec
	var want, got any
	for value, target := range map[any]*any{
		&corev1.PodSpec{InitContainers: patch.InitContainers, Volumes: slices.Concat(spec.Volumes[:1], patch.Volumes), Containers: spec.Containers, ImagePullSecrets: spec.ImagePullSecrets}: &want, &spec: &got,
	} {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, target); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if deployment.Annotations["capture.restage.dev/enabled"] != "true" {
		t.Errorf("the annotations are %v", deployment.Annotations)
	}
}

func TestJSONStaysJSON(t *testing.T) {
	original := `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "front"}, "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "app"}]}}}}` + "\n"
	injected, err := Inject([]byte(original), options())
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(injected.YAML) || !strings.Contains(string(injected.YAML), `"restage-proxy"`) {
		t.Errorf("no JSON: %s", injected.YAML)
	}
	restored, err := Uninject(injected.YAML)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(original, string(restored.YAML)); diff != "" {
		t.Error(diff)
	}
}

// Of a live object that the operator has injected the operator's part is taken out.
func TestUninjectsALiveObject(t *testing.T) {
	live := `apiVersion: apps/v1
kind: Deployment
metadata:
  name: front
spec:
  template:
    metadata:
      annotations:
        capture.restage.dev/applied: abc
    spec:
      containers:
      - name: app
      initContainers:
      - name: migrate
      - name: restage-proxy
      - name: restage-init
      volumes:
      - name: restage-forwarder
`
	result, err := Uninject([]byte(live))
	if err != nil {
		t.Fatal(err)
	}
	want := `apiVersion: apps/v1
kind: Deployment
metadata:
  name: front
spec:
  template:
    metadata: {}
    spec:
      containers:
      - name: app
      initContainers:
      - name: migrate
`
	if diff := cmp.Diff(want, string(result.YAML)); diff != "" {
		t.Error(diff)
	}
}

func TestRefuses(t *testing.T) {
	const head = "apiVersion: apps/v1\nkind: Deployment\n"
	for want, text := range map[string]string{
		"reading YAML":                              "a: b: c",
		"metadata.name: is missing":                 head + "spec: {template: {spec: {containers: [{name: a}]}}}",
		"containers: is empty":                      head + "metadata: {name: a}",
		`document 2: deployment.apps/a: spec.templ`: "---\n" + head + "metadata: {name: a}\nspec: {template: {spec: {hostNetwork: true, containers: [{name: a}]}}}",
		`is "false", so that the workload is not`:   head + "metadata: {name: a, annotations: {capture.restage.dev/enabled: \"false\"}}\nspec: {template: {spec: {containers: [{name: a}]}}}",
		"volumes: is null; remove it":               head + "metadata: {name: a}\nspec:\n  template:\n    spec:\n      containers: [{name: a}]\n      volumes:\n",
		"reading the workload":                      head + "metadata: {name: a}\nspec: {template: {spec: {containers: 7}}}",
	} {
		if _, err := Inject([]byte(text), options()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s, of:\n%s", err, want, text)
		}
	}
}

func FuzzInject(f *testing.F) {
	f.Add([]byte(stream))
	f.Add([]byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"template":{"spec":{"containers":[{"name":"a"}]}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		injected, err := Inject(data, options())
		if err != nil {
			return
		}
		if _, err := Uninject(injected.YAML); err != nil {
			t.Errorf("what was injected cannot be read: %v", err)
		}
	})
}
