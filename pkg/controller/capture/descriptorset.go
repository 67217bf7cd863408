// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/descriptorset"
)

const reasonUnreadable = "Unreadable"

// observeDescriptorSet says whether the descriptor set that the capture names can be read. When the cluster does not tell, what was said stays.
func (r *Reconciler) observeDescriptorSet(ctx context.Context, capture *v1alpha1.TrafficCapture) {
	name := capture.Spec.DescriptorSetConfigMapName
	if name == "" {
		meta.RemoveStatusCondition(&capture.Status.Conditions, v1alpha1.ConditionDescriptorSetRead)
		return
	}
	condition := metav1.Condition{
		Type: v1alpha1.ConditionDescriptorSetRead, Status: metav1.ConditionTrue, Reason: reasonReading, ObservedGeneration: capture.Generation,
		Message: fmt.Sprintf("fields of gRPC messages have the names of ConfigMap %q", name),
	}
	err := r.DescriptorSets.Check(ctx, capture.Namespace, name)
	const consequence = "; rules of redaction go by numbers of fields alone, and no snapshot is made. Pods that start from then on read one that can be read"
	var unreadable descriptorset.UnreadableError
	switch {
	case apierrors.IsNotFound(err):
		condition.Status, condition.Reason = metav1.ConditionFalse, reasonMissing
		condition.Message = fmt.Sprintf("ConfigMap %q does not exist", name) + consequence
	case errors.As(err, &unreadable):
		condition.Status, condition.Reason, condition.Message = metav1.ConditionFalse, reasonUnreadable, err.Error()+consequence
	case err != nil:
		klog.FromContext(ctx).Error(err, "It is not known whether the descriptor set can be read; keeping what was said", "capture", klog.KObj(capture))
		return
	}
	meta.SetStatusCondition(&capture.Status.Conditions, condition)
}
