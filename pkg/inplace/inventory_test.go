// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/injection"
)

// front has a bit of everything that is changed in place.
func front() *appsv1.Deployment {
	app := corev1.Container{
		Name: "app", Image: "front:1", Args: []string{"serve"}, Env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}},
		VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}},
	}
	helper := corev1.Container{Name: "helper", Image: "helper:1", SecurityContext: &corev1.SecurityContext{
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"CHOWN"}},
	}}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "front", Namespace: "shop", UID: "front-uid", ResourceVersion: "7"},
		Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "front"}},
			Spec: corev1.PodSpec{
				InitContainers: []corev1.Container{{Name: "migrate", Image: "front:1"}},
				Containers:     []corev1.Container{app, helper},
				Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
					PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"},
				}}},
			},
		}},
	}
}

// inPlace is the deployment while it is in an environment, with another image and another variable, and with what an API server fills in.
func inPlace(t *testing.T, live *appsv1.Deployment) (*appsv1.Deployment, *Inventory) {
	t.Helper()
	wanted := live.Spec.Template.DeepCopy()
	wanted.Spec.Containers[0].Image = "front:2"
	wanted.Spec.Containers[0].Env = append(wanted.Spec.Containers[0].Env, corev1.EnvVar{Name: "C", Value: "3"})
	template, err := injection.InPlace(*wanted, injection.IsolateOptions{Environment: "monday", Workload: "front", Image: "proxy:1"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range template.Spec.InitContainers {
		template.Spec.InitContainers[i].TerminationMessagePath = corev1.TerminationMessagePathDefault
	}
	changed := live.DeepCopy()
	changed.Spec.Template = template
	inventory, err := take(live, &template, "monday", "monday-uid")
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(inventory)
	if err != nil {
		t.Fatal(err)
	}
	changed.Annotations = map[string]string{Annotation: string(data)}
	if inventory, err = Read(changed); err != nil || inventory == nil {
		t.Fatalf("the inventory is not read: %v", err)
	}
	return changed, inventory
}

func TestRestoredByteForByte(t *testing.T) {
	live := front()
	live.Spec.Template.Spec.InitContainers[0].TerminationMessagePath = corev1.TerminationMessagePathDefault
	changed, inventory := inPlace(t, live)
	if first := changed.Spec.Template.Spec.InitContainers[0].Name; first != "restage-init" {
		t.Errorf("%s runs before the rules stand", first)
	}
	restored, drifts, err := inventory.restore(changed)
	if err != nil || len(drifts) > 0 {
		t.Fatalf("drifts %v, error %v", drifts, err)
	}
	want, err := json.Marshal(live.Spec.Template)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(restored)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatSomebodyElseChangedIsLeft(t *testing.T) {
	managed := metav1.ManagedFieldsEntry{
		Manager: "kubectl-edit", Operation: metav1.ManagedFieldsOperationUpdate, Time: &metav1.Time{Time: time.Unix(1e9, 0)}, FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{"f:image":{}}}}}}}`),
	}
	for name, c := range map[string]struct {
		change func(*corev1.PodTemplateSpec)
		drifts []Drift
		want   func(*corev1.PodTemplateSpec) // changes of what was before
	}{
		"another image": {
			func(p *corev1.PodTemplateSpec) { container(p, "app").Image = "front:3" },
			[]Drift{{"spec.template.spec.containers[app].image", "kubectl-edit"}},
			func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Image = "front:3" },
		},
		"a field that is not ours": {
			func(p *corev1.PodTemplateSpec) { container(p, "helper").Image = "helper:2" }, nil,
			func(p *corev1.PodTemplateSpec) { p.Spec.Containers[1].Image = "helper:2" },
		},
		"a new container": {
			func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "third"})
			}, nil,
			func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "third"})
			},
		},
		"a container that has gone": {
			func(p *corev1.PodTemplateSpec) { p.Spec.Containers = p.Spec.Containers[:1] }, nil,
			func(p *corev1.PodTemplateSpec) { p.Spec.Containers = p.Spec.Containers[:1] },
		},
		"back already": {func(p *corev1.PodTemplateSpec) { container(p, "app").Image = "front:1" }, nil, func(*corev1.PodTemplateSpec) {}},
		"our proxy": {
			func(p *corev1.PodTemplateSpec) { p.Spec.InitContainers[1].Image = "proxy:2" }, nil, func(*corev1.PodTemplateSpec) {},
		},
		"a variable": {
			func(p *corev1.PodTemplateSpec) { container(p, "app").Env[2].Value = "4" },
			[]Drift{{"spec.template.spec.containers[app].env[C]", ""}},
			func(p *corev1.PodTemplateSpec) {
				p.Spec.Containers[0].Env = append(p.Spec.Containers[0].Env, corev1.EnvVar{Name: "C", Value: "4"})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			live := front()
			changed, inventory := inPlace(t, live)
			changed.ManagedFields = []metav1.ManagedFieldsEntry{managed}
			c.change(&changed.Spec.Template)
			restored, drifts, err := inventory.restore(changed)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.drifts, drifts); diff != "" {
				t.Error(diff)
			}
			want := live.Spec.Template.DeepCopy()
			want.Spec.InitContainers[0].TerminationMessagePath = ""
			c.want(want)
			restored.Spec.InitContainers[0].TerminationMessagePath = ""
			if diff := cmp.Diff(want, restored); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func container(p *corev1.PodTemplateSpec, name string) *corev1.Container {
	for i := range p.Spec.Containers {
		if p.Spec.Containers[i].Name == name {
			return &p.Spec.Containers[i]
		}
	}
	return nil
}

// A workload that was made from the manifest of another one, annotation and all, is in no environment.
func TestInventoryIsOfOneWorkload(t *testing.T) {
	changed, _ := inPlace(t, front())
	changed.UID = "another"
	if inventory, err := Read(changed); inventory != nil || err != nil {
		t.Errorf("%+v, %v", inventory, err)
	}
	changed.Annotations[Annotation] = "{"
	if _, err := Read(changed); err == nil {
		t.Error("a broken inventory is read")
	}
}

func TestKeeper(t *testing.T) {
	for want, object := range map[string]metav1.ObjectMeta{
		"":                          {Labels: map[string]string{"app": "front"}},
		"Argo CD (shop)":            {Labels: map[string]string{"argocd.argoproj.io/instance": "shop"}},
		"Argo CD (shop:apps/front)": {Annotations: map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps/front"}},
		"Flux (flux-system/shop)": {Labels: map[string]string{
			"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
		}},
	} {
		if got := Keeper(&object); got != want {
			t.Errorf("kept by %q, want %q", got, want)
		}
	}
}
