// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"encoding/json"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

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

// Inject makes these annotations, and what a template has, all that InjectManager has in a workload. The workload is named as this very object: were it gone, an
// apply by name alone would make a new one.
func Inject(ctx context.Context, c workload.Client, w *workload.Workload, annotations map[string]string, template map[string]any) error {
	return applyInjected(ctx, c, w, annotations, w.Within(template))
}

// Uninject takes out of a workload what Inject put in. One that has gone meanwhile is fine.
func Uninject(ctx context.Context, c workload.Client, w *workload.Workload) error {
	if err := applyInjected(ctx, c, w, nil, map[string]any{}); !isGone(err) {
		return err
	}
	return nil
}

func applyInjected(ctx context.Context, c workload.Client, w *workload.Workload, annotations map[string]string, object map[string]any) error {
	metadata := map[string]any{"name": w.GetName(), "namespace": w.GetNamespace(), "uid": w.GetUID()}
	if len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	object["apiVersion"], object["kind"] = w.Kind.ToAPIVersionAndKind()
	object["metadata"] = metadata
	data, err := json.Marshal(object)
	if err != nil {
		return err
	}
	_, err = c.Patch(ctx, w, types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: InjectManager, Force: new(true)})
	return err
}
