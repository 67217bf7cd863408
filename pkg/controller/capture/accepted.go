// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/capturespec"
	"github.com/restage-dev/restage/pkg/workload"
)

// Reasons of the condition AnnotationsAccepted.
const (
	reasonAccepted = "Accepted"
	reasonInvalid  = "Invalid"
)

// judgeAnnotations sets the condition of a capture that was made from annotations: whether it follows them. Another has none.
func judgeAnnotations(capture *v1alpha1.TrafficCapture, w *workload.Workload) {
	if w == nil || !metav1.IsControlledBy(capture, w) {
		meta.RemoveStatusCondition(&capture.Status.Conditions, v1alpha1.ConditionAnnotationsAccepted)
		return
	}
	condition := metav1.Condition{
		Type: v1alpha1.ConditionAnnotationsAccepted, Status: metav1.ConditionTrue, Reason: reasonAccepted,
		Message: "the capture does what the annotations of the workload say", ObservedGeneration: capture.Generation,
	}
	if _, err := capturespec.FromAnnotations(w.GetAnnotations()); err != nil {
		condition.Status, condition.Reason = metav1.ConditionFalse, reasonInvalid
		condition.Message = "the capture stays as it is: " + err.Error()
	}
	meta.SetStatusCondition(&capture.Status.Conditions, condition)
}
