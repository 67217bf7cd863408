// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/wiring"
)

// TestSecretsKnowsEveryField fills in every field of a pod that may name a Secret, as the types have them now and in versions to
// come, and wants each to be found.
func TestSecretsKnowsEveryField(t *testing.T) {
	none := []string{"secretFile"} // a file on the node
	var volumes []corev1.Volume
	want := sets.New("imagePullSecrets[0].name")
	sources := reflect.TypeFor[corev1.VolumeSource]()
	for i := range sources.NumField() {
		source := sources.Field(i)
		volume := corev1.Volume{Name: source.Name}
		at := reflect.ValueOf(&volume.VolumeSource).Elem().Field(i)
		at.Set(reflect.New(source.Type.Elem()))
		if projected, ok := at.Interface().(*corev1.ProjectedVolumeSource); ok {
			projected.Sources = []corev1.VolumeProjection{{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}}}}
			want.Insert(field.NewPath("volumes").Index(len(volumes)).Child("projected", "sources").Index(0).Child("secret", "name").String())
		}
		path := field.NewPath("volumes").Index(len(volumes)).Child(jsonName(source))
		for k := range source.Type.Elem().NumField() {
			inner := source.Type.Elem().Field(k)
			name := jsonName(inner)
			if !strings.Contains(strings.ToLower(name), "secret") || slices.Contains(none, name) {
				continue
			}
			switch value := at.Elem().Field(k); value.Interface().(type) {
			case string:
				value.SetString("s")
				want.Insert(path.Child(name).String())
			case *corev1.LocalObjectReference:
				value.Set(reflect.ValueOf(&corev1.LocalObjectReference{Name: "s"}))
				want.Insert(path.Child(name, "name").String())
			case *corev1.SecretReference:
				t.Errorf("%s refers to a Secret of any namespace, which no volume of a pod did", path)
			}
		}
		volumes = append(volumes, volume)
	}
	container := corev1.Container{
		Name:    "c",
		EnvFrom: []corev1.EnvFromSource{{}, {SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}}}},
		Env: []corev1.EnvVar{{Name: "A", Value: "a"}, {Name: "B", ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}},
		}}},
	}
	for _, list := range []string{"containers", "initContainers", "ephemeralContainers"} {
		want.Insert(list+"[0].envFrom[1].secretRef.name", list+"[0].env[1].valueFrom.secretKeyRef.name")
	}
	spec := corev1.PodSpec{
		Volumes: volumes, Containers: []corev1.Container{container}, InitContainers: []corev1.Container{container},
		EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{EnvFrom: container.EnvFrom, Env: container.Env}}},
		ImagePullSecrets:    []corev1.LocalObjectReference{{Name: "s"}},
	}
	got := sets.New[string]()
	for _, use := range Secrets(&corev1.PodTemplateSpec{Spec: spec}, nil) {
		got.Insert(strings.TrimPrefix(use.Path.String(), "spec."))
	}
	if missed := want.Difference(got); missed.Len() > 0 {
		t.Errorf("not found: %v", sets.List(missed))
	}
	if more := got.Difference(want); more.Len() > 0 {
		t.Errorf("found besides: %v", sets.List(more))
	}
	if want.Len() < 15 {
		t.Errorf("only %d fields were filled in", want.Len())
	}
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func TestSecretsLeavesOutOurOwn(t *testing.T) {
	spec := corev1.PodSpec{Volumes: []corev1.Volume{
		{Name: wiring.EnvironmentVolume, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "env-link"}}},
		{Name: "theirs", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "env-link"}}},
	}}
	uses := Secrets(&corev1.PodTemplateSpec{Spec: spec}, field.NewPath("template"))
	if len(uses) != 1 || uses[0].Path.String() != "template.spec.volumes[1].secret.secretName" {
		t.Errorf("found %v", uses)
	}
}
