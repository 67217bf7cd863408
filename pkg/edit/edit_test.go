// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package edit_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/edit"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/workload"
)

const manager = "restage-test"

// owned is a Deployment that its owner applies server-side.
type owned struct {
	*testing.T
	cluster *controllertest.Cluster
}

// apply is what the owner does. Without init containers and volumes there are none.
func (o owned) apply(initContainers []string, volumes []string, containers ...string) {
	o.Helper()
	named := func(names []string, fields map[string]any) []any {
		var items []any
		for _, name := range names {
			item := map[string]any{"name": name}
			for field, value := range fields {
				item[field] = value
			}
			items = append(items, item)
		}
		return items
	}
	image := map[string]any{"image": "app:1", "env": []any{map[string]any{"name": "MODE", "value": "live"}}}
	spec := map[string]any{"containers": named(containers, image)}
	if len(initContainers) > 0 {
		spec["initContainers"] = named(initContainers, image)
	}
	if len(volumes) > 0 {
		spec["volumes"] = named(volumes, map[string]any{"emptyDir": map[string]any{}})
	}
	data, err := json.Marshal(map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "front", "namespace": "shop", "uid": "front-uid"},
		"spec": map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{"app": "front"}},
			"template": map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": "front"}}, "spec": spec},
		},
	})
	if err != nil {
		o.Fatal(err)
	}
	if _, err = o.cluster.Kube.AppsV1().Deployments("shop").Patch(o.Context(), "front", types.ApplyPatchType, data,
		metav1.PatchOptions{FieldManager: "owner"}); err != nil {
		o.Fatalf("the owner's apply is refused: %v", err)
	}
}

func (o owned) live() *workload.Workload {
	o.Helper()
	deployment, err := o.cluster.Kube.AppsV1().Deployments("shop").Get(o.Context(), "front", metav1.GetOptions{})
	if err != nil {
		o.Fatal(err)
	}
	w, err := workload.Of(deployment)
	if err != nil {
		o.Fatal(err)
	}
	return w
}

// write puts a proxy that reads TLS into the template, or takes it out.
func (o owned) write(in bool) {
	o.Helper()
	w := o.live()
	template := w.Template.DeepCopy()
	injection.Remove(template)
	if in {
		patch := injection.Capture(injection.CaptureOptions{Image: "proxy:1", TLS: injection.TLS{Outbound: true}, Template: *template, ImagePullSecrets: []string{"pull"}})
		patch.AddTo(template)
	}
	change := edit.Change{Template: template, Annotations: w.GetAnnotations()}
	if _, err := edit.Write(o.Context(), workload.Client{Kube: o.cluster.Kube}, w, change, manager); err != nil {
		o.Fatal(err)
	}
}

// containers are those of the template, each with the images and whether it trusts the proxy.
func (o owned) containers() (list []string) {
	spec := o.live().Template.Spec
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		text := c.Name + " " + c.Image
		if slices.ContainsFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == "SSL_CERT_FILE" }) {
			text += " trusts"
		}
		list = append(list, text)
	}
	return list
}

func (o owned) expect(want ...string) {
	o.Helper()
	if diff := cmp.Diff(want, o.containers()); diff != "" {
		o.Errorf("containers (-want +got):\n%s", diff)
	}
}

func newOwned(t *testing.T) owned {
	o := owned{t, controllertest.New(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "other", Name: "other"}, Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](1)}})}
	o.apply([]string{"migrate"}, []string{"data"}, "app", "helper")
	live := o.live().Object.(*appsv1.Deployment).DeepCopy()
	live.ResourceVersion = "1" // which the fake gives to none
	if err := o.cluster.Kube.Tracker().Update(appsv1.SchemeGroupVersion.WithResource("deployments"), live, "shop"); err != nil {
		t.Fatal(err)
	}
	return o
}

// A container that its owner removes goes as a whole, and what is ours as a whole stays until we take it out. Then the template is the owner's.
func TestOwnerDecides(t *testing.T) {
	o := newOwned(t)
	before := o.live().Template
	o.write(true)
	o.expect("restage-proxy proxy:1", "restage-init proxy:1", "migrate app:1 trusts", "app app:1 trusts", "helper app:1 trusts")
	o.apply([]string{"migrate"}, []string{"data"}, "app", "renamed")
	o.expect("restage-proxy proxy:1", "restage-init proxy:1", "migrate app:1 trusts", "app app:1 trusts", "renamed app:1")
	o.apply(nil, nil, "app")
	o.expect("restage-proxy proxy:1", "restage-init proxy:1", "app app:1 trusts")
	var volumes []string
	for _, v := range o.live().Template.Spec.Volumes {
		volumes = append(volumes, v.Name)
	}
	if diff := cmp.Diff([]string{"restage-forwarder", "restage-tls", "restage-trust"}, volumes); diff != "" {
		t.Errorf("volumes (-want +got):\n%s", diff)
	}
	o.apply([]string{"migrate"}, []string{"data"}, "app", "helper")
	o.write(true)
	o.write(false)
	if diff := cmp.Diff(before, o.live().Template); diff != "" {
		t.Errorf("a trace is left (-before +after):\n%s", diff)
	}
	if edit.IsManaged(o.live(), manager) {
		t.Errorf("a field manager is left: %v", o.live().GetManagedFields())
	}
}

// What a process that ended too early left as ours is given up by the next.
func TestSettle(t *testing.T) {
	o := newOwned(t)
	w := o.live()
	data := []byte(`[{"op":"add","path":"/spec/template/spec/containers/1/env/-","value":{"name":"SSL_CERT_FILE","value":"x"}},
		{"op":"add","path":"/spec/template/metadata/annotations","value":{"capture.restage.dev/applied":"x"}}]`)
	c := workload.Client{Kube: o.cluster.Kube}
	if _, err := c.Patch(t.Context(), w, types.JSONPatchType, data, metav1.PatchOptions{FieldManager: manager}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(fields(t, o.live()), "SSL_CERT_FILE") {
		t.Fatal("the variable is nobody's already")
	}
	cached := o.live()
	for range 2 {
		if err := edit.Settle(t.Context(), c, cached, manager); err != nil {
			t.Fatal(err)
		}
		if got := fields(t, o.live()); strings.Contains(got, "SSL_CERT_FILE") || !strings.Contains(got, "capture.restage.dev/applied") {
			t.Errorf("fields are %s", got)
		}
	}
	o.apply(nil, nil, "app")
	o.expect("app app:1")
	if err := edit.Abandon(t.Context(), c, o.live(), manager); err != nil || edit.IsManaged(o.live(), manager) {
		t.Errorf("the workload is still managed, error %v", err)
	}
}

// fields are those of our field manager.
func fields(t *testing.T, w *workload.Workload) string {
	t.Helper()
	for _, entry := range w.GetManagedFields() {
		if entry.Manager == manager {
			return entry.FieldsV1.String()
		}
	}
	return ""
}

// What somebody changed since the workload was read is not written over.
func TestWriteIsOfOneVersion(t *testing.T) {
	o := newOwned(t)
	w := o.live()
	o.apply(nil, nil, "other")
	template := w.Template.DeepCopy()
	template.Spec.Containers[1].Image = "app:2"
	_, err := edit.Write(t.Context(), workload.Client{Kube: o.cluster.Kube}, w, edit.Change{Template: template}, manager)
	if err == nil {
		t.Error("an old version was written")
	}
	o.expect("other app:1")
}
