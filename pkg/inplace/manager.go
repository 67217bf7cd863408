// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// managerOf returns who wrote a field of the template last, "" when that is not known.
func managerOf(deployment *appsv1.Deployment, path []string) string {
	field := fieldpath.MakePathOrDie("spec", "template")
	for _, part := range path {
		if name, ok := itemName(part); ok {
			field = append(field, fieldpath.PathElement{Key: &value.FieldList{{Name: "name", Value: value.NewValueInterface(name)}}})
		} else {
			field = append(field, fieldpath.PathElement{FieldName: &part})
		}
	}
	var last *metav1.ManagedFieldsEntry
	for i := range deployment.ManagedFields {
		entry := &deployment.ManagedFields[i]
		if entry.Manager == FieldManager || !owns(entry, field) {
			continue
		}
		if last == nil || last.Time.Before(entry.Time) {
			last = entry
		}
	}
	if last == nil {
		return ""
	}
	return last.Manager
}

// owns tells whether the field or, of lists and maps that are written as one, what it is in belongs to the manager.
func owns(entry *metav1.ManagedFieldsEntry, field fieldpath.Path) bool {
	if entry.FieldsV1 == nil {
		return false
	}
	set := &fieldpath.Set{}
	if err := set.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
		return false
	}
	const template = 2 // parts of the path that many own without owning the field
	for n := len(field); n > template; n-- {
		if set.Has(field[:n]) {
			return true
		}
	}
	return false
}

// Keeper names the tool that keeps a workload as Git has it, and would undo what is changed in place; "" when none is known. Its marks are
// those that the documentation of Argo CD and Flux describes.
func Keeper(deployment metav1.Object) string {
	labels, annotations := deployment.GetLabels(), deployment.GetAnnotations()
	if id := annotations["argocd.argoproj.io/tracking-id"]; id != "" {
		return "Argo CD (" + id + ")"
	}
	if app := labels["argocd.argoproj.io/instance"]; app != "" {
		return "Argo CD (" + app + ")"
	}
	for _, kind := range []string{"kustomize", "helm"} {
		if name := labels[kind+".toolkit.fluxcd.io/name"]; name != "" {
			return "Flux (" + labels[kind+".toolkit.fluxcd.io/namespace"] + "/" + name + ")"
		}
	}
	return ""
}
