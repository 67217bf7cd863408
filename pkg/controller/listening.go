// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/loop"
	"github.com/restage-dev/restage/pkg/workload"
)

// listening connects events to the loops that they concern.
type listening struct {
	*caches
}

func (l listening) captures(annotations, captures *loop.Loop) {
	addHandler(l.group().TrafficCaptures().Informer(), loop.Handler(annotations, func(capture *v1alpha1.TrafficCapture) []types.NamespacedName {
		return []types.NamespacedName{{Namespace: capture.Namespace, Name: capture.Spec.WorkloadRef.Name}}
	}))
	addHandler(l.group().TrafficCaptures().Informer(), loop.Handler(captures, itself[*v1alpha1.TrafficCapture]))
	for _, workloads := range workload.Watch(l.cluster) {
		addHandler(workloads, loop.Handler(annotations, itself[metav1.Object]))
		addHandler(workloads, loop.Handler(captures, func(w metav1.Object) []types.NamespacedName {
			all, _ := l.group().TrafficCaptures().Lister().TrafficCaptures(w.GetNamespace()).List(labels.Everything())
			return named(all, func(c *v1alpha1.TrafficCapture) bool { return c.Spec.WorkloadRef.Name == w.GetName() })
		}))
	}
}

func (l listening) snapshots(snapshots *loop.Loop) {
	addHandler(l.group().TrafficSnapshots().Informer(), loop.Handler(snapshots, itself[*v1alpha1.TrafficSnapshot]))
}

func (l listening) environments(environments *loop.Loop) {
	addHandler(l.group().Environments().Informer(), loop.Handler(environments, itself[*v1alpha1.Environment]))
	addHandler(l.group().TrafficSnapshots().Informer(), loop.Handler(environments, func(snapshot *v1alpha1.TrafficSnapshot) []types.NamespacedName {
		all, _ := l.group().Environments().Lister().Environments(snapshot.Namespace).List(labels.Everything())
		return named(all, func(e *v1alpha1.Environment) bool { return e.Spec.SnapshotName == snapshot.Name })
	}))
	addHandler(l.cluster.Apps().V1().Deployments().Informer(), loop.Handler(environments, labelled(v1alpha1.LabelEnvironment)))
	addHandler(l.made.Batch().V1().Jobs().Informer(), loop.Handler(environments, labelled(v1alpha1.LabelEnvironment)))
	addHandler(l.made.Core().V1().Pods().Informer(), loop.Handler(environments, labelled(v1alpha1.LabelEnvironment)))
}

func (l listening) replays(replays *loop.Loop) {
	addHandler(l.group().TrafficReplays().Informer(), loop.Handler(replays, itself[*v1alpha1.TrafficReplay]))
	addHandler(l.group().TrafficSnapshots().Informer(), loop.Handler(replays, func(snapshot *v1alpha1.TrafficSnapshot) []types.NamespacedName {
		all, _ := l.group().TrafficReplays().Lister().TrafficReplays(snapshot.Namespace).List(labels.Everything())
		return named(all, func(r *v1alpha1.TrafficReplay) bool { return r.Spec.SnapshotName == snapshot.Name })
	}))
	addHandler(l.group().Environments().Informer(), loop.Handler(replays, func(environment *v1alpha1.Environment) []types.NamespacedName {
		all, _ := l.group().TrafficReplays().Lister().TrafficReplays(environment.Namespace).List(labels.Everything())
		return named(all, func(r *v1alpha1.TrafficReplay) bool { return r.Status.EnvironmentName == environment.Name })
	}))
	addHandler(l.made.Batch().V1().Jobs().Informer(), loop.Handler(replays, labelled(v1alpha1.LabelReplay)))
	addHandler(l.made.Core().V1().Pods().Informer(), loop.Handler(replays, labelled(v1alpha1.LabelReplay)))
}

func (l listening) namespaces(namespaces *loop.Loop) {
	namespace := func(object metav1.Object) []types.NamespacedName {
		return []types.NamespacedName{{Name: object.GetNamespace()}}
	}
	addHandler(l.group().TrafficCaptures().Informer(), loop.Handler(namespaces, namespace))
	addHandler(l.group().TrafficSnapshots().Informer(), loop.Handler(namespaces, namespace))
	addHandler(l.group().Environments().Informer(), loop.Handler(namespaces, namespace))
	addHandler(l.group().TrafficReplays().Informer(), loop.Handler(namespaces, namespace))
}

// itself is the name of the object.
func itself[T metav1.Object](object T) []types.NamespacedName {
	return []types.NamespacedName{{Namespace: object.GetNamespace(), Name: object.GetName()}}
}

// labelled is the name in the label of that key.
func labelled(key string) func(metav1.Object) []types.NamespacedName {
	return func(object metav1.Object) []types.NamespacedName {
		if name := object.GetLabels()[key]; name != "" {
			return []types.NamespacedName{{Namespace: object.GetNamespace(), Name: name}}
		}
		return nil
	}
}

// named are the names of those objects that fit.
func named[T metav1.Object](all []T, fits func(T) bool) []types.NamespacedName {
	var keys []types.NamespacedName
	for _, object := range all {
		if fits(object) {
			keys = append(keys, itself(object)...)
		}
	}
	return keys
}
