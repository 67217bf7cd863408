// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/capturespec"
	clientset "github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	listers "github.com/restage-dev/restage/pkg/generated/listers/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// annotated labels the captures that were made from an annotation.
const annotated = "replay.restage.dev/from-annotation"

// AnnotationReconciler makes a TrafficCapture for each workload whose annotation asks for one. Its keys are the names of workloads of
// the kinds that are watched, which is also how their captures are called.
type AnnotationReconciler struct {
	Client    clientset.Interface
	Workloads workload.Cache
	Captures  listers.TrafficCaptureLister
	Events    record.EventRecorder
	// Injection is how the proxy gets into pods, one of wiring.Injections.
	Injection string
}

// Reconcile makes the capture of a workload as its annotations say, keeps it so, and deletes it when the annotation has gone. A capture
// of the same name that was made by hand is left alone.
func (r *AnnotationReconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	workloads, err := r.Workloads.Named(key.Namespace, key.Name) // that of one that has gone is owned by it
	if err != nil {
		return 0, err
	}
	capture, err := r.Captures.TrafficCaptures(key.Namespace).Get(key.Name)
	if err != nil && !apierrors.IsNotFound(err) {
		return 0, err
	}
	if err != nil {
		capture = nil
	}
	for _, w := range workloads {
		if w.GetDeletionTimestamp() != nil {
			continue
		}
		if done, err := r.follow(ctx, w, capture); done || err != nil {
			return 0, err
		}
		if err := r.withdraw(ctx, w); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// follow has the capture of that name, nil when there is none, do what the annotations of a workload say. It returns whether it has changed any.
func (r *AnnotationReconciler) follow(ctx context.Context, w *workload.Workload, capture *v1alpha1.TrafficCapture) (done bool, err error) {
	wanted := w.GetAnnotations()[v1alpha1.AnnotationCaptureEnabled] == "true"
	ours := capture != nil && metav1.IsControlledBy(capture, w) && capture.DeletionTimestamp == nil
	switch {
	case !wanted && ours:
		klog.FromContext(ctx).Info("The annotation has gone; deleting the capture")
		return true, r.delete(ctx, capture)
	case wanted && capture != nil && !workload.Same(capture.Spec.WorkloadRef, w.Reference()):
		r.Events.Eventf(w.Object, corev1.EventTypeWarning, "CaptureRefused", "The annotation %s cannot be followed: TrafficCapture %s records %s %s",
			v1alpha1.AnnotationCaptureEnabled, capture.Name, kindOf(capture), capture.Spec.WorkloadRef.Name)
	case wanted && (ours || capture == nil):
		spec, err := capturespec.FromAnnotations(w.GetAnnotations())
		if err != nil {
			// Nothing is recorded until all can be followed: it may be what is to be left out that is misspelt. Of a capture
			// that is there the condition AnnotationsAccepted says so too.
			r.Events.Event(w.Object, corev1.EventTypeWarning, "AnnotationsRefused", err.Error())
			return false, nil
		}
		spec.WorkloadRef = w.Reference()
		if capture == nil {
			return true, r.create(ctx, w, spec)
		}
		return true, r.update(ctx, w, capture, spec)
	}
	return false, nil
}

// withdraw takes the proxy out of a workload that no capture records, since somebody has brought back a former template, as kubectl rollout undo does. Who puts it into
// a manifest says so there.
func (r *AnnotationReconciler) withdraw(ctx context.Context, w *workload.Workload) error {
	if r.Injection != wiring.InjectionWorkload || !hasSidecar(w.Template.Spec) || !IsOurs(w) {
		return nil
	}
	captures, err := r.Captures.TrafficCaptures(w.GetNamespace()).List(labels.Everything())
	if err != nil {
		return err
	}
	if slices.ContainsFunc(captures, func(c *v1alpha1.TrafficCapture) bool { return workload.Same(c.Spec.WorkloadRef, w.Reference()) }) {
		return nil
	}
	removed, err := RemoveSidecar(ctx, r.Workloads.Client, w.GetNamespace(), w.Reference())
	if removed != nil {
		r.Events.Event(removed.Object, corev1.EventTypeNormal, "ProxyRemoved", "The recording proxy was taken out, since no TrafficCapture records the workload; "+consequence(removed))
	}
	return err
}

// update has the capture do what the annotations say now. What was changed in it by hand is put back: for settings of one's own there
// are captures made by hand.
func (r *AnnotationReconciler) update(ctx context.Context, w *workload.Workload, capture *v1alpha1.TrafficCapture, spec v1alpha1.TrafficCaptureSpec) error {
	if equality.Semantic.DeepEqual(capture.Spec, spec) {
		return nil
	}
	changed := capture.DeepCopy()
	changed.Spec = spec
	if _, err := r.Client.ReplayV1alpha1().TrafficCaptures(capture.Namespace).Update(ctx, changed, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("changing the capture: %w", err)
	}
	r.Events.Eventf(w.Object, corev1.EventTypeNormal, "CaptureChanged", "TrafficCapture %s follows the changed annotations", capture.Name)
	return nil
}

func (r *AnnotationReconciler) create(ctx context.Context, w *workload.Workload, spec v1alpha1.TrafficCaptureSpec) error {
	_, err := r.Client.ReplayV1alpha1().TrafficCaptures(w.GetNamespace()).Create(ctx, &v1alpha1.TrafficCapture{
		ObjectMeta: metav1.ObjectMeta{
			Name: w.GetName(), Labels: map[string]string{annotated: "true"}, OwnerReferences: []metav1.OwnerReference{w.Owner()},
		},
		Spec: spec,
	}, metav1.CreateOptions{})
	switch {
	case apierrors.IsAlreadyExists(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err):
		r.Events.Eventf(w.Object, corev1.EventTypeWarning, "CaptureRefused", "The annotation %s cannot be followed: %v", v1alpha1.AnnotationCaptureEnabled, err)
	}
	if err != nil {
		return fmt.Errorf("making the capture: %w", err)
	}
	r.Events.Eventf(w.Object, corev1.EventTypeNormal, "CaptureCreated", "TrafficCapture %s made from the annotation %s", w.GetName(), v1alpha1.AnnotationCaptureEnabled)
	return nil
}

func (r *AnnotationReconciler) delete(ctx context.Context, capture *v1alpha1.TrafficCapture) error {
	err := r.Client.ReplayV1alpha1().TrafficCaptures(capture.Namespace).Delete(ctx, capture.Name,
		metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(capture.UID))})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
