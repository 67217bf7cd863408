// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package edit changes the pod templates of workloads that belong to others, so that nothing that is left in them stands in the way of
// their owners. What is written is what differs, and of that we own, as field managers, what is ours as a whole: our containers, our
// volumes, our annotations. What is written into a container of the workload is nobody's. Were it ours, its owner could not set the same
// by server-side apply, which refuses what another owns; and were it applied by us, a container that its owner removes would stay as the
// few fields of it that are ours, without an image, and every apply would be refused.
package edit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/workload"
)

// Change is what a workload is to have.
type Change struct {
	// Template of its pods.
	Template *corev1.PodTemplateSpec
	// Annotations of the workload itself.
	Annotations map[string]string
}

// Write changes this very version of a workload, in one step, and then gives up what the change has made ours inside of what is not. A process
// that ends in between leaves that to Settle. It needs the rights to get and to patch the workload. The workload that is returned is as it was
// written; it is nil when nothing was. The error of a workload that has changed since it was read is a Conflict.
func Write(ctx context.Context, c workload.Client, w *workload.Workload, change Change, manager string) (*workload.Workload, error) {
	written, err := patch(ctx, c, w, change, metav1.PatchOptions{FieldManager: manager})
	if err != nil {
		return nil, err
	}
	return written, disown(ctx, c, written, manager, isOwn)
}

// Try returns the workload as the API server would have it after Write, with all that it fills in.
func Try(ctx context.Context, c workload.Client, w *workload.Workload, change Change, manager string) (*workload.Workload, error) {
	return patch(ctx, c, w, change, metav1.PatchOptions{FieldManager: manager, DryRun: []string{metav1.DryRunAll}})
}

func patch(ctx context.Context, c workload.Client, w *workload.Workload, change Change, options metav1.PatchOptions) (*workload.Workload, error) {
	operations, err := leading(w, change)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(append([]operation{
		{Op: "test", Path: "/metadata/uid", Value: w.GetUID()},
		{Op: "test", Path: "/metadata/resourceVersion", Value: w.GetResourceVersion()},
	}, operations...))
	if err != nil {
		return nil, fmt.Errorf("writing the changes of %s: %w", w, err)
	}
	written, err := c.Patch(ctx, w, types.JSONPatchType, data, options)
	if isRefusedTest(err) {
		return nil, apierrors.NewConflict(schema.GroupResource{Group: w.Kind.Group, Resource: w.Kind.Kind}, w.GetName(), errors.New("it has changed since it was read"))
	}
	return written, err
}

// leading are the operations that lead from a workload as it is to the change.
func leading(w *workload.Workload, change Change) ([]operation, error) {
	operations, err := difference(w.Template, change.Template, "/"+strings.Join(w.Path, "/"))
	if err != nil {
		return nil, err
	}
	if object, ok := w.Object.(*unstructured.Unstructured); ok {
		// The types of Kubernetes always have metadata in a template, other kinds have it where somebody wrote it.
		if _, found, _ := unstructured.NestedMap(object.Object, append(w.Path[:len(w.Path):len(w.Path)], "metadata")...); !found {
			operations = append([]operation{{Op: "add", Path: "/" + strings.Join(w.Path, "/") + "/metadata", Value: map[string]any{}}}, operations...)
		}
	}
	own, err := difference(annotated{w.GetAnnotations()}, annotated{change.Annotations}, "/metadata")
	return append(operations, own...), err
}

type annotated struct {
	Annotations map[string]string `json:"annotations,omitempty"`
}

// isRefusedTest tells whether a JSON patch was refused because the object is not as it says. An object that would be invalid has causes.
func isRefusedTest(err error) bool {
	var status apierrors.APIStatus
	if apierrors.IsConflict(err) {
		return true
	}
	return apierrors.IsInvalid(err) && errors.As(err, &status) && (status.Status().Details == nil || len(status.Status().Details.Causes) == 0)
}
