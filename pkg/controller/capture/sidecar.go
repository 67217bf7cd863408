// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/inplace"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	// FieldManager owns what is added to a workload's template, nothing else of it, and the finalizer of captures.
	FieldManager = "restage-capture"
	// appliedAnnotation on a pod template is the hash of what was added, so that it is applied only when it has changed.
	appliedAnnotation = "capture.restage.dev/applied"
	hashBytes         = 16
)

// addSidecar applies the patch to the template of a Deployment, unless it is there already. It returns whether it was applied. A proxy that stands in
// the workload's manifest is left to who keeps that: two owners would undo each other's changes.
func addSidecar(ctx context.Context, kube kubernetes.Interface, deployment *appsv1.Deployment, patch injection.Patch) (bool, error) {
	if deployment.Annotations[inplace.Annotation] != "" {
		return false, nil // two of our proxies do not fit into a pod; it is added when the workload is given back
	}
	if isInManifest(deployment) {
		_, err := RemoveSidecar(ctx, kube, deployment.Namespace, deployment.Name)
		return false, err
	}
	spec, err := patch.PodSpec()
	if err != nil {
		return false, err
	}
	data, err := json.Marshal(spec)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:hashBytes])
	if deployment.Spec.Template.Annotations[appliedAnnotation] == hash && hasSidecar(deployment.Spec.Template.Spec) {
		return false, nil
	}
	_, err = kube.AppsV1().Deployments(deployment.Namespace).Apply(ctx,
		partial(deployment).WithSpec(appsapply.DeploymentSpec().WithTemplate(coreapply.PodTemplateSpec().
			WithAnnotations(map[string]string{appliedAnnotation: hash}).
			WithAnnotations(patch.Annotations()).
			WithSpec(spec))),
		metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	if err != nil {
		return false, fmt.Errorf("adding the proxy to Deployment %q: %w", deployment.Name, err)
	}
	return true, nil
}

// RemoveSidecar takes out of a Deployment what addSidecar put in, by applying nothing under the same field manager. It returns
// the Deployment when anything was there, else nil. A Deployment that has gone meanwhile is fine. The Deployment is read
// from the server, since a cache may not know yet that the proxy was added.
func RemoveSidecar(ctx context.Context, kube kubernetes.Interface, namespace, name string) (*appsv1.Deployment, error) {
	deployment, err := kube.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Deployment %q: %w", name, err)
	}
	if !isManaged(deployment) {
		return nil, nil
	}
	removed, err := kube.AppsV1().Deployments(namespace).Apply(ctx, partial(deployment),
		metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	if err != nil {
		return nil, fmt.Errorf("taking the proxy out of Deployment %q: %w", name, err)
	}
	return removed, nil
}

// RemoveAll takes the proxy out of every Deployment of a namespace, or of the cluster for metav1.NamespaceAll, for when nothing is
// left to record to. It goes on after an error and returns all of them.
func RemoveAll(ctx context.Context, kube kubernetes.Interface, namespace string) error {
	deployments, err := kube.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("looking for recorded workloads: %w", err)
	}
	var errs []error
	for i := range deployments.Items {
		if d := &deployments.Items[i]; isManaged(d) {
			_, err := RemoveSidecar(ctx, kube, d.Namespace, d.Name)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// partial names this very Deployment: were it gone, an apply by name alone would make a new one.
func partial(deployment *appsv1.Deployment) *appsapply.DeploymentApplyConfiguration {
	return appsapply.Deployment(deployment.Name, deployment.Namespace).WithUID(deployment.UID)
}

// isManaged tells whether fields of the Deployment are ours.
func isManaged(deployment *appsv1.Deployment) bool {
	return slices.ContainsFunc(deployment.ManagedFields, func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply
	})
}

// isInManifest tells whether somebody else has put the proxy into the template, as kubectl restage inject does. The part that
// is ours, from before that, is not needed then.
func isInManifest(deployment *appsv1.Deployment) bool {
	template := deployment.Spec.Template
	_, marked := deployment.Annotations[v1alpha1.AnnotationCaptureInjected]
	_, applied := template.Annotations[appliedAnnotation]
	return hasSidecar(template.Spec) && (marked || !applied && !isManaged(deployment))
}

func hasSidecar(spec corev1.PodSpec) bool {
	names := 0
	for _, c := range spec.InitContainers {
		if c.Name == wiring.ProxyContainerName || c.Name == wiring.InitContainerName {
			names++
		}
	}
	return names == 2 && slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == wiring.ForwarderVolume })
}
