// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

const shop = "shop"

func front() *appsv1.Deployment {
	labels := map[string]string{"app": "front"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "front", Namespace: shop, UID: "front-uid", ResourceVersion: "1"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					ImagePullSecrets: []corev1.LocalObjectReference{{Name: "own"}},
					InitContainers:   []corev1.Container{{Name: "migrate", Image: "front:1"}},
					Containers: []corev1.Container{{
						Name: "front", Image: "front:1", Ports: []corev1.ContainerPort{{ContainerPort: 9898, Protocol: corev1.ProtocolTCP}},
					}},
					Volumes: []corev1.Volume{{Name: "cache", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
				},
			},
		},
	}
}

func patch() injection.Patch {
	return injection.Capture(injection.CaptureOptions{
		Settings: wiring.NewCaptureSettings("front", []uint16{9898}), Forwarder: "forwarder:4143", Image: "proxy:1", ImagePullPolicy: corev1.PullIfNotPresent,
		ImagePullSecrets: []string{"pull"},
	})
}

func getDeployment(t *testing.T, cluster *controllertest.Cluster, name string) *appsv1.Deployment {
	t.Helper()
	deployment, err := cluster.Kube.AppsV1().Deployments(shop).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return deployment
}

func of(t *testing.T, object workload.Object) *workload.Workload {
	t.Helper()
	w, err := workload.Of(object)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestSidecarLeavesNoTrace(t *testing.T) {
	cluster := controllertest.New()
	if _, err := cluster.Kube.AppsV1().Deployments(shop).Create(t.Context(), front(), metav1.CreateOptions{FieldManager: "kubectl"}); err != nil {
		t.Fatal(err)
	}
	before := getDeployment(t, cluster, "front")

	added, err := addSidecar(t.Context(), cluster.Workloads(), of(t, before), patch())
	if err != nil || !added {
		t.Fatalf("added %v, %v", added, err)
	}
	with := getDeployment(t, cluster, "front")
	if diff := cmp.Diff(injection.References([]string{"own", "pull"}), with.Spec.Template.Spec.ImagePullSecrets); diff != "" {
		t.Errorf("pull secrets: %s", diff)
	}
	if !hasSidecar(with.Spec.Template.Spec) || !IsManaged(of(t, with)) {
		t.Fatalf("the proxy is not there: %+v", with.Spec.Template.Spec)
	}
	var names []string
	for _, c := range with.Spec.Template.Spec.InitContainers {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"restage-proxy", "restage-init", "migrate"}, names); diff != "" {
		t.Errorf("order of init containers: %s", diff)
	}

	added, err = addSidecar(t.Context(), cluster.Workloads(), of(t, with), patch())
	if err != nil || added {
		t.Errorf("a second time added %v, %v; want nothing", added, err)
	}

	removed, err := RemoveSidecar(t.Context(), cluster.Workloads(), shop, v1alpha1.WorkloadReference{Name: "front"})
	if err != nil || removed == nil {
		t.Fatalf("removed %v, %v", removed, err)
	}
	after := getDeployment(t, cluster, "front")
	if diff := cmp.Diff(before, after, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(metav1.ObjectMeta{}, "ResourceVersion"),
		cmpopts.IgnoreFields(metav1.ManagedFieldsEntry{}, "Time")); diff != "" {
		t.Errorf("a trace is left (-before +after):\n%s", diff)
	}
}

func TestSidecarIsRepairedAndChanged(t *testing.T) {
	cluster := controllertest.New(front())
	if _, err := addSidecar(t.Context(), cluster.Workloads(), of(t, getDeployment(t, cluster, "front")), patch()); err != nil {
		t.Fatal(err)
	}
	broken := getDeployment(t, cluster, "front")
	broken.Spec.Template.Spec.InitContainers = broken.Spec.Template.Spec.InitContainers[:1]
	if _, err := cluster.Kube.AppsV1().Deployments(shop).Update(t.Context(), broken, metav1.UpdateOptions{FieldManager: "vandal"}); err != nil {
		t.Fatal(err)
	}
	added, err := addSidecar(t.Context(), cluster.Workloads(), of(t, getDeployment(t, cluster, "front")), patch())
	if err != nil || !added || !hasSidecar(getDeployment(t, cluster, "front").Spec.Template.Spec) {
		t.Errorf("the proxy was not put back: %v, %v", added, err)
	}
	other := patch()
	other.InitContainers[0].Image = "proxy:2"
	added, err = addSidecar(t.Context(), cluster.Workloads(), of(t, getDeployment(t, cluster, "front")), other)
	if err != nil || !added {
		t.Errorf("another image was not applied: %v, %v", added, err)
	}
}

// A proxy that stands in the manifest is not fought over, and what was put in before the manifest had it is taken back.
func TestSidecarInManifestIsLeftAlone(t *testing.T) {
	injected := front()
	patch().AddTo(&injected.Spec.Template)
	cluster := controllertest.New(injected)
	before := getDeployment(t, cluster, "front")
	added, err := addSidecar(t.Context(), cluster.Workloads(), of(t, before), patch())
	if err != nil || added {
		t.Errorf("added %v, %v; want nothing", added, err)
	}
	if diff := cmp.Diff(before, getDeployment(t, cluster, "front")); diff != "" {
		t.Errorf("the workload was changed: %s", diff)
	}

	cluster = controllertest.New(front())
	if _, err := addSidecar(t.Context(), cluster.Workloads(), of(t, getDeployment(t, cluster, "front")), patch()); err != nil {
		t.Fatal(err)
	}
	ours := getDeployment(t, cluster, "front")
	ours.Annotations = map[string]string{v1alpha1.AnnotationCaptureInjected: "enabled"}
	if _, err := addSidecar(t.Context(), cluster.Workloads(), of(t, ours), patch()); err != nil {
		t.Fatal(err)
	}
	if IsManaged(of(t, getDeployment(t, cluster, "front"))) {
		t.Error("the manifest has two owners")
	}
}

func TestRemoveSidecarToleratesAbsence(t *testing.T) {
	cluster := controllertest.New(front())
	for _, name := range []string{"front", "gone"} {
		removed, err := RemoveSidecar(t.Context(), cluster.Workloads(), shop, v1alpha1.WorkloadReference{Name: name})
		if err != nil || removed != nil {
			t.Errorf("%s: %v, %v; want neither", name, removed, err)
		}
	}
}

// RemoveAll takes out what the controller has put in and what kubectl restage inject has, and what has come by a manifest stays.
func TestRemoveAll(t *testing.T) {
	injected, manifest := front(), front()
	injected.Name, injected.UID, manifest.Name, manifest.UID = "injected", "injected-uid", "manifest", "manifest-uid"
	patch().AddTo(&manifest.Spec.Template)
	cluster := controllertest.New(front(), injected, manifest)
	if _, err := addSidecar(t.Context(), cluster.Workloads(), of(t, getDeployment(t, cluster, "front")), patch()); err != nil {
		t.Fatal(err)
	}
	added, err := patch().PodSpec()
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]string{v1alpha1.AnnotationCaptureEnabled: "true"}
	if err := Inject(t.Context(), cluster.Workloads(), of(t, getDeployment(t, cluster, "injected")), asked, map[string]any{"spec": added}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"front", "injected", "manifest"} {
		if !hasSidecar(getDeployment(t, cluster, name).Spec.Template.Spec) {
			t.Fatalf("%s has no proxy", name)
		}
	}
	if err := RemoveAll(t.Context(), cluster.Workloads(), metav1.NamespaceAll); err != nil {
		t.Fatal(err)
	}
	for name, stays := range map[string]bool{"front": false, "injected": false, "manifest": true} {
		left := getDeployment(t, cluster, name)
		if hasSidecar(left.Spec.Template.Spec) != stays || left.Annotations[v1alpha1.AnnotationCaptureEnabled] != "" {
			t.Errorf("%s has a proxy: %t, and the annotations %v", name, !stays, left.Annotations)
		}
	}
}
