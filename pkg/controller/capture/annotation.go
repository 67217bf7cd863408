// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	appslisters "k8s.io/client-go/listers/apps/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/capturespec"
	clientset "github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	listers "github.com/restage-dev/restage/pkg/generated/listers/replay/v1alpha1"
)

// annotated labels the captures that were made from an annotation.
const annotated = "replay.restage.dev/from-annotation"

// AnnotationReconciler makes a TrafficCapture for each Deployment whose annotation asks for one. Its keys
// are Deployments.
type AnnotationReconciler struct {
	Client      clientset.Interface
	Deployments appslisters.DeploymentLister
	Captures    listers.TrafficCaptureLister
	Events      record.EventRecorder
}

// Reconcile makes the capture of a Deployment as its annotations say, keeps it so, and deletes it when the annotation has gone. A capture
// of the same name that was made by hand is left alone.
func (r *AnnotationReconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	deployment, err := r.Deployments.Deployments(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil // its capture is owned by it
	}
	if err != nil || deployment.DeletionTimestamp != nil {
		return 0, err
	}
	capture, err := r.Captures.TrafficCaptures(key.Namespace).Get(key.Name)
	if err != nil && !apierrors.IsNotFound(err) {
		return 0, err
	}
	wanted, exists := deployment.Annotations[v1alpha1.AnnotationCaptureEnabled] == "true", err == nil
	ours := exists && metav1.IsControlledBy(capture, deployment) && capture.DeletionTimestamp == nil
	switch {
	case !wanted && ours:
		klog.FromContext(ctx).Info("The annotation has gone; deleting the capture")
		return 0, r.delete(ctx, capture)
	case wanted && (ours || !exists):
		spec, err := capturespec.FromAnnotations(deployment.Annotations)
		if err != nil {
			// Nothing is recorded until all can be followed: it may be what is to be left out that is misspelt. Of a capture
			// that is there the condition AnnotationsAccepted says so too.
			r.Events.Event(deployment, corev1.EventTypeWarning, "AnnotationsRefused", err.Error())
			return 0, nil
		}
		spec.WorkloadRef = v1alpha1.WorkloadReference{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "Deployment", Name: deployment.Name}
		if !exists {
			return 0, r.create(ctx, deployment, spec)
		}
		return 0, r.update(ctx, deployment, capture, spec)
	}
	return 0, nil
}

// update has the capture do what the annotations say now. What was changed in it by hand is put back: for settings of one's own there
// are captures made by hand.
func (r *AnnotationReconciler) update(ctx context.Context, deployment *appsv1.Deployment, capture *v1alpha1.TrafficCapture, spec v1alpha1.TrafficCaptureSpec) error {
	if equality.Semantic.DeepEqual(capture.Spec, spec) {
		return nil
	}
	changed := capture.DeepCopy()
	changed.Spec = spec
	if _, err := r.Client.ReplayV1alpha1().TrafficCaptures(capture.Namespace).Update(ctx, changed, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("changing the capture: %w", err)
	}
	r.Events.Eventf(deployment, corev1.EventTypeNormal, "CaptureChanged", "TrafficCapture %s follows the changed annotations", capture.Name)
	return nil
}

func (r *AnnotationReconciler) create(ctx context.Context, deployment *appsv1.Deployment, spec v1alpha1.TrafficCaptureSpec) error {
	_, err := r.Client.ReplayV1alpha1().TrafficCaptures(deployment.Namespace).Create(ctx, &v1alpha1.TrafficCapture{
		ObjectMeta: metav1.ObjectMeta{
			Name:            deployment.Name,
			Labels:          map[string]string{annotated: "true"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: spec,
	}, metav1.CreateOptions{})
	switch {
	case apierrors.IsAlreadyExists(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err):
		r.Events.Eventf(deployment, corev1.EventTypeWarning, "CaptureRefused", "The annotation %s cannot be followed: %v", v1alpha1.AnnotationCaptureEnabled, err)
	}
	if err != nil {
		return fmt.Errorf("making the capture: %w", err)
	}
	r.Events.Eventf(deployment, corev1.EventTypeNormal, "CaptureCreated", "TrafficCapture %s made from the annotation %s", deployment.Name, v1alpha1.AnnotationCaptureEnabled)
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
