// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kubefake "k8s.io/client-go/kubernetes/fake"

	at "github.com/restage-dev/restage/pkg/admission/admissiontest"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
)

func claim(name, size string) corev1.PersistentVolumeClaim {
	return corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{Resources: corev1.VolumeResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)},
		}},
	}
}

// database has a volume of its own for each pod, and one that all share.
func database() workload.Source {
	set := &appsv1.StatefulSet{ObjectMeta: at.Named("db")}
	set.Spec.ServiceName = "db"
	set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{claim("data", "5Gi")}
	set.Spec.Template.Spec = corev1.PodSpec{
		Containers: []corev1.Container{{Name: "db", Image: "db:1", VolumeMounts: []corev1.VolumeMount{{Name: "data"}, {Name: "shared"}}}},
		Volumes: []corev1.Volume{{Name: "shared", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "shared"},
		}}},
	}
	shared := claim("shared", "2Gi")
	return workload.Source{Client: kubefake.NewClientset(set, &shared)}
}

func wanted(volumes replay.WorkloadVolumes) *replay.EnvironmentWorkload {
	return &replay.EnvironmentWorkload{
		Name: "db", Ref: replay.WorkloadReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db"}, Strategy: replay.StrategyClone, Volumes: volumes,
	}
}

var place = workload.Place{Namespace: at.Namespace, Environment: "monday", ProxyImage: at.ProxyImage}

func TestClaimsAreRefused(t *testing.T) {
	_, errs, err := database().Compile(t.Context(), place, wanted(replay.VolumesRefuse), field.NewPath("workloads"))
	if err != nil || len(errs) != 1 {
		t.Fatalf("errors %v, %v", errs, err)
	}
	for _, want := range []string{"workloads.ref.name", "the StatefulSet cannot be isolated: spec.volumeClaimTemplates[0]", `volume "data"`, "volumes: Ephemeral"} {
		if !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%v lacks %q", errs[0], want)
		}
	}
}

func TestClaimsBecomeEmptyVolumes(t *testing.T) {
	template, errs, err := database().Compile(t.Context(), place, wanted(replay.VolumesEphemeral), field.NewPath("workloads"))
	if err != nil || len(errs) > 0 {
		t.Fatalf("errors %v, %v", errs, err)
	}
	sizes := map[string]string{}
	for _, volume := range template.Spec.Volumes {
		if volume.PersistentVolumeClaim != nil {
			t.Errorf("volume %s is a claim", volume.Name)
		}
		if volume.EmptyDir != nil && volume.EmptyDir.SizeLimit != nil {
			sizes[volume.Name] = volume.EmptyDir.SizeLimit.String()
		}
	}
	if sizes["data"] != "5Gi" || sizes["shared"] != "2Gi" {
		t.Errorf("sizes %v", sizes)
	}
	if template.Spec.Hostname != "db-0" || template.Spec.Subdomain != "db" {
		t.Errorf("the copy is called %q in %q", template.Spec.Hostname, template.Spec.Subdomain)
	}
}
