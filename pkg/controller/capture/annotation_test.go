// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// annotation runs a new annotation reconciler on new caches once.
func (w *world) annotation(value string) {
	w.Helper()
	w.annotations(map[string]string{v1alpha1.AnnotationCaptureEnabled: value})
}

// annotations does so with any annotations, and returns the last event.
func (w *world) annotations(annotations map[string]string) (event string) {
	w.Helper()
	deployment := getDeployment(w.T, w.cluster, "front")
	deployment.Annotations = annotations
	if _, err := w.cluster.Kube.AppsV1().Deployments(shop).Update(w.Context(), deployment, metav1.UpdateOptions{FieldManager: "kubectl-annotate"}); err != nil {
		w.Fatal(err)
	}
	caches := w.cluster.Caches(w.T)
	events := record.NewFakeRecorder(100)
	r := &AnnotationReconciler{
		Client:    w.cluster.Replay,
		Workloads: workload.Cache{Client: w.cluster.Workloads(), Informers: caches.Kube},
		Captures:  caches.Replay.TrafficCaptures().Lister(),
		Events:    events,
		Injection: wiring.InjectionWorkload,
	}
	w.cluster.Acting(w.T, func() {
		if _, err := r.Reconcile(w.Context(), types.NamespacedName{Namespace: shop, Name: "front"}); err != nil {
			w.Fatal(err)
		}
	})
	for len(events.Events) > 0 {
		event = <-events.Events
	}
	return event
}

// A proxy that comes back with a former template is taken out again, unless a capture wants it or a manifest has it.
func TestProxyThatIsBroughtBack(t *testing.T) {
	for name, test := range map[string]struct {
		captured, applied bool
		manager           string
		stays             bool
	}{
		"by rollout undo":                 {applied: true, manager: "kubectl-rollout"},
		"by rollout undo, and recorded":   {applied: true, captured: true, manager: "kubectl-rollout", stays: true},
		"by a manifest":                   {manager: "kubectl-rollout", stays: true},
		"by a manifest that was exported": {applied: true, manager: "kubectl-client-side-apply", stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			if test.captured {
				w.create("front")
			}
			back := getDeployment(t, w.cluster, "front")
			patch().AddTo(&back.Spec.Template)
			back.ManagedFields = []metav1.ManagedFieldsEntry{{
				Manager: test.manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "apps/v1", FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`),
			}}
			if test.applied {
				metav1.SetMetaDataAnnotation(&back.Spec.Template.ObjectMeta, appliedAnnotation, "former")
			}
			if test.manager == "kubectl-client-side-apply" {
				metav1.SetMetaDataAnnotation(&back.ObjectMeta, corev1.LastAppliedConfigAnnotation, `{"spec":{"template":{"spec":{"initContainers":[{"name":"restage-proxy"}]}}}}`)
			}
			if _, err := w.cluster.Kube.AppsV1().Deployments(shop).Update(t.Context(), back, metav1.UpdateOptions{FieldManager: test.manager}); err != nil {
				t.Fatal(err)
			}
			event := w.annotations(back.Annotations)
			if w.hasProxy() != test.stays || strings.Contains(event, "no TrafficCapture records the workload") == test.stays {
				t.Errorf("there is a proxy: %t, with the event %q", w.hasProxy(), event)
			}
		})
	}
}

// A capture follows the annotations that it was made from, as long as all of them can be understood.
func TestCaptureFollowsAnnotations(t *testing.T) {
	w := newWorld(t, nil)
	enabled, sample := v1alpha1.AnnotationCaptureEnabled, "capture.restage.dev/sample-percent"
	if event := w.annotations(map[string]string{enabled: "true", sample: "half"}); !strings.Contains(event, `annotation `+sample+`: "half"`) {
		t.Errorf("event %q", event)
	}
	if _, err := w.cluster.Replay.ReplayV1alpha1().TrafficCaptures(shop).Get(t.Context(), "front", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("a capture was made of annotations that cannot be followed: %v", err)
	}
	w.annotations(map[string]string{enabled: "true", sample: "50"})
	w.reconcile("front")
	if got := ptr.Deref(w.get("front").Spec.SamplePercent, 0); got != 50 {
		t.Errorf("%d percent", got)
	}
	if event := w.annotations(map[string]string{enabled: "true", sample: "25"}); !strings.Contains(event, "CaptureChanged") {
		t.Errorf("event %q", event)
	}
	w.reconcile("front")
	proxy := getDeployment(t, w.cluster, "front").Spec.Template.Spec.InitContainers
	if got := w.get("front"); *got.Spec.SamplePercent != 25 || !meta.IsStatusConditionTrue(got.Status.Conditions, v1alpha1.ConditionAnnotationsAccepted) {
		t.Errorf("%v, conditions %v", *got.Spec.SamplePercent, got.Status.Conditions)
	}
	if !slices.ContainsFunc(proxy, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Args, func(arg string) bool { return strings.Contains(arg, `"samplePercent":25`) })
	}) {
		t.Error("the proxy is not told")
	}
	w.annotations(map[string]string{enabled: "true", "capture.restage.dev/ignore-host": "a"})
	w.reconcile("front")
	condition := meta.FindStatusCondition(w.get("front").Status.Conditions, v1alpha1.ConditionAnnotationsAccepted)
	if condition == nil || condition.Status != metav1.ConditionFalse || !strings.Contains(condition.Message, "ignore-host is not known") {
		t.Errorf("condition %+v", condition)
	}
	if got := w.get("front"); *got.Spec.SamplePercent != 25 {
		t.Error("the capture was changed by annotations that cannot be followed")
	}
}

func TestAnnotationMakesACapture(t *testing.T) {
	w := newWorld(t, nil)
	w.annotation("false")
	w.annotation("true")
	w.annotation("true")
	capture := w.get("front")
	if !metav1.IsControlledBy(capture, front()) || capture.Spec.WorkloadRef.Name != "front" {
		t.Errorf("capture is %+v", capture)
	}
	w.annotation("false")
	if _, err := w.cluster.Replay.ReplayV1alpha1().TrafficCaptures(shop).Get(t.Context(), "front", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the capture is still there: %v", err)
	}
}

func TestAnnotationLeavesCapturesOfOthersAlone(t *testing.T) {
	w := newWorld(t, nil)
	w.create("front")
	w.annotation("true")
	w.annotation("false")
	if metav1.GetControllerOf(w.get("front")) != nil {
		t.Error("a capture made by hand was adopted")
	}
}
