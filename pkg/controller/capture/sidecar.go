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

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/inplace"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

const (
	// FieldManager owns what is added to a workload's template, nothing else of it, and the finalizer of captures.
	FieldManager = "restage-capture"
	// appliedAnnotation on a pod template is the hash of what was added, so that it is applied only when it has changed.
	appliedAnnotation = "capture.restage.dev/applied"
	hashBytes         = 16
)

// addSidecar applies the patch to the template of a workload, unless it is there already. It returns whether it was applied. A proxy that stands in
// the workload's manifest is left to who keeps that: two owners would undo each other's changes.
func addSidecar(ctx context.Context, c workload.Client, w *workload.Workload, patch injection.Patch) (bool, error) {
	if w.GetAnnotations()[inplace.Annotation] != "" {
		return false, nil // two of our proxies do not fit into a pod; it is added when the workload is given back
	}
	if isInManifest(w) {
		_, err := RemoveSidecar(ctx, c, w.GetNamespace(), w.Reference())
		return false, err
	}
	spec, hash, err := addition(patch)
	if err != nil {
		return false, err
	}
	if w.Template.Annotations[appliedAnnotation] == hash && hasSidecar(w.Template.Spec) {
		return false, nil
	}
	annotations := merge(map[string]string{appliedAnnotation: hash}, patch.Annotations())
	if w.BuiltIn() {
		_, err = applyTemplate(ctx, c, w, map[string]any{"metadata": map[string]any{"annotations": annotations}, "spec": spec})
	} else {
		err = edit(ctx, c, w, spec, annotations)
	}
	if err != nil {
		return false, fmt.Errorf("adding the proxy to %s: %w", w, err)
	}
	return true, nil
}

// addition is what the patch adds to a pod spec, and the hash of it.
func addition(patch injection.Patch) (fields map[string]any, hash string, err error) {
	spec, err := patch.PodSpec()
	if err != nil {
		return nil, "", err
	}
	data, err := json.Marshal(spec)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(data)
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, "", err
	}
	return fields, hex.EncodeToString(sum[:hashBytes]), nil
}

// RemoveSidecar takes out of a workload what addSidecar put in: of Kubernetes' own kinds by applying nothing under the same field manager. It
// returns the workload when anything was there, else nil. A workload that has gone meanwhile is fine, and so is a kind that has. The
// workload is read from the server, since a cache may not know yet that the proxy was added.
func RemoveSidecar(ctx context.Context, c workload.Client, namespace string, ref v1alpha1.WorkloadReference) (*workload.Workload, error) {
	w, err := c.Get(ctx, namespace, ref)
	if isGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s %q: %w", ref.Kind, ref.Name, err)
	}
	if !IsManaged(w) {
		return nil, nil
	}
	if w.BuiltIn() {
		w, err = applyTemplate(ctx, c, w, nil)
	} else {
		err = edit(ctx, c, w, nil, nil)
	}
	if isGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("taking the proxy out of %s %q: %w", ref.Kind, ref.Name, err)
	}
	return w, nil
}

func isGone(err error) bool {
	var unknown *workload.UnknownKindError
	var bare *workload.NoTemplateError
	return apierrors.IsNotFound(err) || errors.As(err, &unknown) || errors.As(err, &bare)
}

// RemoveAll takes the proxy out of every workload of a namespace, or of the cluster for metav1.NamespaceAll, for when nothing is
// left to record to. It goes on after an error and returns all of them.
func RemoveAll(ctx context.Context, c workload.Client, namespace string) error {
	resources, err := c.Recordable(ctx)
	errs := []error{err}
	for _, resource := range resources {
		workloads, err := c.List(ctx, namespace, resource)
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("looking for recorded %s: %w", resource.Resource, err))
		}
		for _, w := range workloads {
			if IsManaged(w) {
				_, err := RemoveSidecar(ctx, c, w.GetNamespace(), w.Reference())
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// applyTemplate makes the template, or nothing when it is nil, all that our field manager has in the workload. It names this very object: were it
// gone, an apply by name alone would make a new one.
func applyTemplate(ctx context.Context, c workload.Client, w *workload.Workload, template any) (*workload.Workload, error) {
	object := map[string]any{}
	if template != nil {
		object = w.Within(template)
	}
	object["apiVersion"], object["kind"] = w.Kind.ToAPIVersionAndKind()
	object["metadata"] = map[string]any{"name": w.GetName(), "namespace": w.GetNamespace(), "uid": w.GetUID()}
	data, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	force := true
	return c.Patch(ctx, w, types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: FieldManager, Force: &force})
}

// IsManaged tells whether the controller has put anything into the workload, which was read from the server.
func IsManaged(w *workload.Workload) bool {
	if !w.BuiltIn() {
		_, applied := w.Template.Annotations[appliedAnnotation]
		return applied
	}
	return slices.ContainsFunc(w.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply
	})
}

// isInManifest tells whether somebody else has put the proxy into the template, as kubectl restage inject does. The part that
// is ours, from before that, is not needed then.
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
