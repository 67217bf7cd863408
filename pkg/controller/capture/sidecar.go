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
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/edit"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/inplace"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

const (
	// FieldManager owns what is added to a workload's template, but for what its own containers get, and the finalizer of captures.
	FieldManager = "restage-capture"
	// appliedAnnotation on a pod template is the hash of what was added, so that it is applied only when it has changed.
	appliedAnnotation = "capture.restage.dev/applied"
	hashBytes         = 16
)

// addSidecar puts the patch into the template of a workload, unless it is there already. It returns whether it was put in. A proxy that stands in
// the workload's manifest is left to who keeps that: two owners would undo each other's changes.
func addSidecar(ctx context.Context, c workload.Client, w *workload.Workload, patch injection.Patch) (bool, error) {
	if w.GetAnnotations()[inplace.Annotation] != "" {
		return false, nil // two of our proxies do not fit into a pod; it is added when the workload is given back
	}
	if isInManifest(w) {
		return false, release(ctx, c, w)
	}
	hash, err := hashOf(patch)
	if err != nil {
		return false, err
	}
	if w.Template.Annotations[appliedAnnotation] == hash && hasSidecar(w.Template.Spec) && patch.Reaches(w.Template.Spec) {
		return false, edit.Settle(ctx, c, w, FieldManager)
	}
	template := w.Template.DeepCopy()
	patch.AddTo(template)
	metav1.SetMetaDataAnnotation(&template.ObjectMeta, appliedAnnotation, hash)
	written, err := edit.Write(ctx, c, w, edit.Change{Template: template, Annotations: w.GetAnnotations()}, FieldManager)
	if err != nil {
		err = fmt.Errorf("adding the proxy to %s: %w", w, err)
	}
	return written != nil, err
}

// hashOf tells one patch from another, but for what containers of the workload get: a template with a new container is looked at itself.
func hashOf(patch injection.Patch) (string, error) {
	patch.OfInitContainers, patch.OfContainers = nil, nil
	data, err := json.Marshal(patch)
	if err != nil {
		return "", fmt.Errorf("writing what is added to a pod template: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:hashBytes]), nil
}

// release leaves the proxy to the manifest that has it now. Unless that one reads TLS as well, the workload no longer trusts it.
func release(ctx context.Context, c workload.Client, cached *workload.Workload) error {
	if !IsManaged(cached) {
		return nil
	}
	w, err := c.Get(ctx, cached.GetNamespace(), cached.Reference())
	if err != nil {
		return err
	}
	template := w.Template.DeepCopy()
	delete(template.Annotations, appliedAnnotation)
	if !injection.ReadsTLS(template.Spec) {
		injection.RemoveTrust(template)
	}
	if w, err = edit.Write(ctx, c, w, edit.Change{Template: template, Annotations: w.GetAnnotations()}, FieldManager); err == nil {
		err = edit.Abandon(ctx, c, w, FieldManager)
	}
	if err != nil {
		return fmt.Errorf("leaving the proxy of %s to its manifest: %w", cached, err)
	}
	return nil
}

// RemoveSidecar takes out of a workload what addSidecar put in. It returns the workload when anything was there, else nil. A workload that has
// gone meanwhile is fine, and so is a kind that has. The workload is read from the server, since a cache may not know yet that the proxy was added.
func RemoveSidecar(ctx context.Context, c workload.Client, namespace string, ref v1alpha1.WorkloadReference) (*workload.Workload, error) {
	return strip(ctx, c, namespace, ref, IsOurs)
}

// Strip takes whatever any of our patches for recording put into a template out of it, whoever wrote it.
func Strip(ctx context.Context, c workload.Client, namespace string, ref v1alpha1.WorkloadReference) error {
	_, err := strip(ctx, c, namespace, ref, func(*workload.Workload) bool { return true })
	return err
}

// strip does so with a workload that is one to do it with, which others may change meanwhile. We have no say in it then: what others had taken away before would
// be listed as ours for ever.
func strip(ctx context.Context, c workload.Client, namespace string, ref v1alpha1.WorkloadReference, is func(*workload.Workload) bool) (stripped *workload.Workload, err error) {
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		w, err := c.Get(ctx, namespace, ref)
		if isGone(err) || err == nil && !is(w) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s %q: %w", ref.Kind, ref.Name, err)
		}
		written, err := edit.Write(ctx, c, w, edit.Change{Template: without(w), Annotations: w.GetAnnotations()}, FieldManager)
		if err == nil && written != nil {
			err = edit.Abandon(ctx, c, written, FieldManager)
		}
		if isGone(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("taking the proxy out of %s: %w", w, err)
		}
		stripped = w
		return nil
	})
	return stripped, err
}

// without is the template of a workload with nothing of ours. A pull secret that its owner has come to name as well stays.
func without(w *workload.Workload) *corev1.PodTemplateSpec {
	template := w.Template.DeepCopy()
	added := slices.DeleteFunc(injection.AddedPullSecrets(*template), func(name string) bool {
		return edit.IsShared(w, FieldManager, "imagePullSecrets", name)
	})
	if _, ok := template.Annotations[injection.AnnotationPullSecrets]; ok {
		template.Annotations[injection.AnnotationPullSecrets] = strings.Join(added, ",")
	}
	injection.Remove(template)
	maps.DeleteFunc(template.Annotations, func(key, _ string) bool {
		return key == injection.AnnotationPullSecrets || key == appliedAnnotation
	})
	return template
}

func isGone(err error) bool {
	var unknown *workload.UnknownKindError
	var bare *workload.NoTemplateError
	return apierrors.IsNotFound(err) || errors.As(err, &unknown) || errors.As(err, &bare)
}

// RemoveAll takes the proxy out of every workload of a namespace, or of the cluster for metav1.NamespaceAll, for when nothing is
// left to record to: what was put in by the controller, and by kubectl restage inject in the cluster. What a workload has made of a former template stays as it is: a
// Deployment takes a ReplicaSet that has come to have its template for the current one, and would keep its pods. It goes on after an error and returns all of them.
func RemoveAll(ctx context.Context, c workload.Client, namespace string) error {
	resources, err := c.Recordable(ctx)
	errs := []error{err}
	for _, resource := range resources {
		workloads, err := c.List(ctx, namespace, resource)
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("looking for recorded %s: %w", resource.Resource, err))
		}
		for _, w := range workloads {
			if w.Controlled() != nil {
				continue
			}
			if IsOurs(w) {
				_, err := RemoveSidecar(ctx, c, w.GetNamespace(), w.Reference())
				errs = append(errs, err)
			}
			if IsInjected(w) {
				if err := Uninject(ctx, c, w); !apierrors.IsForbidden(err) { // where we may change no workload it stays with who put it in
					errs = append(errs, err)
				}
			}
		}
	}
	return errors.Join(errs...)
}

// IsManaged tells whether the controller has put anything into the workload, and not somebody who has copied a template with it. Of a workload
// without field managers, as of one whose managers somebody has cleared, the API server notes none.
func IsManaged(w *workload.Workload) bool {
	if w.BuiltIn() && len(w.GetManagedFields()) > 0 {
		return edit.IsManaged(w, FieldManager)
	}
	_, applied := w.Template.Annotations[appliedAnnotation]
	return applied
}

// IsOurs tells whether what of ours there is in a workload came from the controller, also by way of somebody who has brought back a former template, as kubectl
// rollout undo does.
func IsOurs(w *workload.Workload) bool {
	return IsManaged(w) || hasSidecar(w.Template.Spec) && !isInManifest(w) && !isDeclared(w)
}

// isDeclared tells whether somebody applies a manifest that has the proxy.
func isDeclared(w *workload.Workload) bool {
	if strings.Contains(w.GetAnnotations()[corev1.LastAppliedConfigAnnotation], wiring.ProxyContainerName) {
		return true
	}
	return slices.ContainsFunc(w.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Operation == metav1.ManagedFieldsOperationApply && entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.GetRawString(), wiring.ProxyContainerName)
	})
}

// isInManifest tells whether somebody else has put the proxy into the template, as kubectl restage inject does.
func isInManifest(w *workload.Workload) bool {
	_, marked := w.GetAnnotations()[v1alpha1.AnnotationCaptureInjected]
	_, applied := w.Template.Annotations[appliedAnnotation]
	return hasSidecar(w.Template.Spec) && (marked || !applied && !IsManaged(w))
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
