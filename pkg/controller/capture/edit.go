// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/workload"
)

// lists of a pod spec that the proxy is added to.
var lists = []string{"initContainers", "volumes", "imagePullSecrets"}

// edit puts what is ours into the template of a workload of a kind that is not Kubernetes' own, or takes it out when there is nothing to put
// in. The schema of such a kind need not say that the lists of a pod spec are merged by name, and then applying one entry would replace
// the list. So whole lists are written, and only if nobody has changed the workload since it was read.
func edit(ctx context.Context, c workload.Client, w *workload.Workload, spec map[string]any, annotations map[string]string) error {
	object, ok := w.Object.(*unstructured.Unstructured)
	if !ok {
		return fmt.Errorf("%T cannot be edited", w.Object)
	}
	template, _, err := unstructured.NestedMap(object.Object, w.Path...)
	if err != nil {
		return err
	}
	changed, err := changedLists(template, spec, injection.AddedPullSecrets(w.Template))
	if err != nil {
		return err
	}
	patch := w.Within(map[string]any{"metadata": map[string]any{"annotations": changedAnnotations(w.Template.Annotations, annotations)}, "spec": changed})
	patch["metadata"] = map[string]any{"uid": w.GetUID(), "resourceVersion": w.GetResourceVersion()}
	data, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	_, err = c.Patch(ctx, w, types.MergePatchType, data, metav1.PatchOptions{FieldManager: FieldManager})
	return err
}

// Strip takes whatever any of our patches put into a workload of a kind that is not Kubernetes' own out of it, whoever applied it.
func Strip(ctx context.Context, c workload.Client, w *workload.Workload) error {
	return edit(ctx, c, w, nil, nil)
}

// changedLists are the lists of the pod spec with ours at their ends and without what was ours before; one that is empty now goes.
func changedLists(template, spec map[string]any, secrets []string) (map[string]any, error) {
	changed := map[string]any{}
	for _, list := range lists {
		before, found, err := unstructured.NestedSlice(template, "spec", list)
		if err != nil {
			return nil, err
		}
		entries := slices.DeleteFunc(before, func(entry any) bool {
			fields, _ := entry.(map[string]any)
			name, _ := fields["name"].(string)
			return injection.IsOurs(list, name, secrets)
		})
		ours, _ := spec[list].([]any)
		switch entries = append(entries, ours...); {
		case len(entries) > 0:
			changed[list] = entries
		case found:
			changed[list] = nil
		}
	}
	return changed, nil
}

// changedAnnotations takes away what we add and puts in what is wanted; nil, which takes all away, when nothing else is there.
func changedAnnotations(now, wanted map[string]string) map[string]any {
	changed := map[string]any{}
	others := len(now)
	for _, key := range []string{appliedAnnotation, injection.AnnotationPullSecrets} {
		if _, ok := now[key]; ok {
			changed[key] = nil
			others--
		}
	}
	if others == 0 && len(wanted) == 0 {
		return nil
	}
	for key, value := range wanted {
		changed[key] = value
	}
	return changed
}

// merge returns both maps as one; the second wins.
func merge(base, over map[string]string) map[string]string {
	merged := maps.Clone(base)
	maps.Copy(merged, over)
	return merged
}
