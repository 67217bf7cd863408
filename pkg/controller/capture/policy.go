// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/owned"
	"github.com/restage-dev/restage/pkg/controller/podinjection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// addParameters has the policy add the patch to the pods of a workload as they are made, with InjectionPolicy: the policy finds it in a PodTemplate, which
// nothing makes pods from.
func (r *Reconciler) addParameters(ctx context.Context, capture *v1alpha1.TrafficCapture, w *workload.Workload) error {
	patch, err := r.patch(ctx, capture, w)
	if err != nil {
		return err
	}
	controller := *metav1.NewControllerRef(capture, v1alpha1.SchemeGroupVersion.WithKind("TrafficCapture"))
	controller.BlockOwnerDeletion = nil
	_, err = owned.ApplyChanged(ctx, r.Kube.CoreV1().PodTemplates(capture.Namespace), coreapply.ExtractPodTemplate, &corev1.PodTemplate{
		ObjectMeta: metav1.ObjectMeta{
			Name: podinjection.ParametersName(capture.UID), Namespace: capture.Namespace, Labels: map[string]string{v1alpha1.LabelComponent: v1alpha1.ComponentPodInjection},
			Annotations: map[string]string{v1alpha1.AnnotationInjectInto: w.Kind.Kind + "/" + w.GetName()},
		},
		Template: corev1.PodTemplateSpec{Spec: podinjection.Parameters(patch, w.Template.Spec.Containers, r.Options.Image)},
	}, owned.Owner{Controller: controller, FieldManager: FieldManager})
	return err
}

// removeParameters has nothing added to pods any more.
func (r *Reconciler) removeParameters(ctx context.Context, capture *v1alpha1.TrafficCapture) error {
	if r.Options.Injection != wiring.InjectionPolicy {
		return nil
	}
	return owned.Remove(ctx, r.Kube.CoreV1().PodTemplates(capture.Namespace), "PodTemplate", podinjection.ParametersName(capture.UID))
}
