// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/edit"
	"github.com/restage-dev/restage/pkg/workload"
)

// InjectManager owns what kubectl restage inject puts into workloads in the cluster.
const InjectManager = "restage-inject"

// IsInjected tells whether kubectl restage inject has put anything into the workload in the cluster.
func IsInjected(w *workload.Workload) bool {
	return slices.ContainsFunc(w.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == InjectManager && entry.Operation == metav1.ManagedFieldsOperationApply
	})
}

// Inject puts what a template has, and annotations, into a workload, and makes that all that InjectManager has in it. What containers of the workload get is nobody's
// then, as it is where the controller puts it in; package edit says why.
func Inject(ctx context.Context, c workload.Client, w *workload.Workload, annotations map[string]string, template map[string]any) error {
	applied, err := applyInjected(ctx, c, w, annotations, w.Within(template))
	if err != nil {
		return err
	}
	return edit.Settle(ctx, c, applied, InjectManager)
}

// Uninject takes out of a workload what Inject put in. One that has gone meanwhile is fine.
func Uninject(ctx context.Context, c workload.Client, namespace string, ref v1alpha1.WorkloadReference) error {
	_, err := byInject().strip(ctx, c, namespace, ref, IsInjected)
	return err
}

func byInject() hand {
	return hand{InjectManager, func(ctx context.Context, c workload.Client, w *workload.Workload) error {
		_, err := applyInjected(ctx, c, w, nil, map[string]any{})
		return err
	}}
}

// applyInjected makes an object, and annotations, all that InjectManager has in a workload. It is named as this very object: were it gone, an apply by name alone
// would make a new one.
func applyInjected(ctx context.Context, c workload.Client, w *workload.Workload, annotations map[string]string, object map[string]any) (*workload.Workload, error) {
	metadata := map[string]any{"name": w.GetName(), "namespace": w.GetNamespace(), "uid": w.GetUID()}
	if len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	object["apiVersion"], object["kind"] = w.Kind.ToAPIVersionAndKind()
	object["metadata"] = metadata
	data, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	return c.Patch(ctx, w, types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: InjectManager, Force: new(true)})
}
