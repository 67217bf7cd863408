// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package workload knows the kinds of objects that have pods: where each has its pod template, how its pods are selected, and what comes
// of a change of the template. Whatever records or copies workloads reads them through it.
package workload

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Object is an object of an API.
type Object interface {
	metav1.Object
	runtime.Object
}

// Change says what comes of a change of the template of a workload.
type Change string

const (
	// ChangeReplaces means that the pods are replaced by such of the new template.
	ChangeReplaces Change = "Replaces"
	// ChangeOnDelete means that pods stay as they are until somebody deletes them.
	ChangeOnDelete Change = "OnDelete"
	// ChangeNextRun means that the pods of the next run have it.
	ChangeNextRun Change = "NextRun"
	// ChangeNever means that the template cannot be changed.
	ChangeNever Change = "Never"
)

// Workload is an object with pods as it was read. Nothing in it may be changed.
type Workload struct {
	Object
	// Kind of the object, also when the object itself does not say it.
	Kind schema.GroupVersionKind
	// Template of its pods; of a Pod, what of it could stand in a template.
	Template corev1.PodTemplateSpec
	// Path of the template within the object; empty for a Pod, which is its own.
	Path []string
	// Selector of its pods; nil when they are not selected by labels, or the object was read without it.
	Selector *metav1.LabelSelector
	// Claims are the templates of the volumes that each pod has of its own.
	Claims []corev1.PersistentVolumeClaim
	// Hostname of its first pod and the Subdomain of all, when its pods have names of their own.
	Hostname, Subdomain string
	// Change says what comes of a change of the template.
	Change Change
}

// Of returns a typed object, of a kind of Kubernetes that has pods, as a workload.
func Of(object Object) (*Workload, error) {
	w := &Workload{Object: object, Path: []string{"spec", "template"}}
	switch o := object.(type) {
	case *appsv1.Deployment:
		w.Template, w.Selector, w.Change = o.Spec.Template, o.Spec.Selector, ChangeReplaces
	case *appsv1.StatefulSet:
		w.Template, w.Selector, w.Claims = o.Spec.Template, o.Spec.Selector, o.Spec.VolumeClaimTemplates
		w.Hostname, w.Subdomain = firstPod(o), o.Spec.ServiceName
		w.Change = replacesUnless(o.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType)
	case *appsv1.DaemonSet:
		w.Template, w.Selector = o.Spec.Template, o.Spec.Selector
		w.Change = replacesUnless(o.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType)
	case *appsv1.ReplicaSet:
		w.Template, w.Selector, w.Change = o.Spec.Template, o.Spec.Selector, ChangeOnDelete
	case *batchv1.Job:
		w.Template, w.Selector, w.Change = o.Spec.Template, o.Spec.Selector, ChangeNever
	case *batchv1.CronJob:
		w.Template, w.Change = o.Spec.JobTemplate.Spec.Template, ChangeNextRun
		w.Path = []string{"spec", "jobTemplate", "spec", "template"}
	case *corev1.Pod:
		w.Template, w.Path, w.Change = templateOf(o), nil, ChangeNever
	default:
		return nil, fmt.Errorf("%T is no workload", object)
	}
	for _, k := range kinds {
		if k.is(object) {
			w.Kind = k.gvk
		}
	}
	return w, nil
}

// firstPod is the name of the pod with the lowest ordinal.
func firstPod(set *appsv1.StatefulSet) string {
	return fmt.Sprintf("%s-%d", set.Name, firstOrdinal(set))
}

func firstOrdinal(set *appsv1.StatefulSet) int32 {
	if set.Spec.Ordinals == nil {
		return 0
	}
	return set.Spec.Ordinals.Start
}

func replacesUnless(onDelete bool) Change {
	if onDelete {
		return ChangeOnDelete
	}
	return ChangeReplaces
}

// ofUnstructured returns an object of any other kind, which has its template where a Deployment has it, as a workload.
func ofUnstructured(object *unstructured.Unstructured) (*Workload, error) {
	w := &Workload{Object: object, Kind: object.GroupVersionKind(), Path: []string{"spec", "template"}, Change: ChangeReplaces}
	template, found, err := unstructured.NestedMap(object.Object, w.Path...)
	if err != nil || !found {
		return nil, &NoTemplateError{Kind: w.Kind.Kind, Name: object.GetName()}
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(template, &w.Template); err != nil {
		return nil, fmt.Errorf("reading spec.template of %s %q: %w", w.Kind.Kind, object.GetName(), err)
	}
	if len(w.Template.Spec.Containers) == 0 {
		return nil, &NoTemplateError{Kind: w.Kind.Kind, Name: object.GetName()}
	}
	if selector, found, err := unstructured.NestedMap(object.Object, "spec", "selector"); err == nil && found {
		w.Selector = &metav1.LabelSelector{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(selector, w.Selector); err != nil {
			return nil, fmt.Errorf("reading spec.selector of %s %q: %w", w.Kind.Kind, object.GetName(), err)
		}
	}
	return w, nil
}

// String names the workload for people.
func (w *Workload) String() string { return w.Kind.Kind + " " + w.GetName() }

// Reference names the workload in its namespace.
func (w *Workload) Reference() v1alpha1.WorkloadReference {
	return v1alpha1.WorkloadReference{APIVersion: w.Kind.GroupVersion().String(), Kind: w.Kind.Kind, Name: w.GetName()}
}

// PodSpecPath is where the object has the spec of its pods.
func (w *Workload) PodSpecPath() *field.Path {
	if len(w.Path) == 0 {
		return field.NewPath("spec")
	}
	return field.NewPath(w.Path[0], w.Path[1:]...).Child("spec")
}

// Owner is a reference to the workload as the controller of another object.
func (w *Workload) Owner() metav1.OwnerReference { return *metav1.NewControllerRef(w, w.Kind) }

// BuiltIn tells whether the kind is one of Kubernetes' own.
func (w *Workload) BuiltIn() bool { return builtIn(w.Kind) != nil }

// Controlled returns what made the workload and decides over its template, as a Deployment does over its ReplicaSets; nil when it
// is nobody but a user. A controller that only looks after StatefulSets and the like, as operators do, is not returned.
func (w *Workload) Controlled() *metav1.OwnerReference {
	switch w.Kind.Kind {
	case "ReplicaSet", "Job", "Pod":
		return metav1.GetControllerOfNoCopy(w)
	}
	return nil
}

// Within returns the pod template as the only field of an object, for patches.
func (w *Workload) Within(template any) map[string]any {
	for i := len(w.Path) - 1; i >= 0; i-- {
		template = map[string]any{w.Path[i]: template}
	}
	fields, _ := template.(map[string]any)
	return fields
}
