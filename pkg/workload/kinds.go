// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// kind is one of Kubernetes' own kinds of workloads.
type kind struct {
	gvk      schema.GroupVersionKind
	resource string
	is       func(Object) bool
	get      func(ctx context.Context, kube kubernetes.Interface, namespace, name string) (Object, error)
	list     func(ctx context.Context, kube kubernetes.Interface, namespace string) ([]Object, error)
	patch    func(ctx context.Context, kube kubernetes.Interface, namespace, name string, t types.PatchType, data []byte, o metav1.PatchOptions) (Object, error)
}

// kinds in the order in which users think of them.
var kinds = []*kind{
	newKind(appsv1.SchemeGroupVersion.WithKind("Deployment"), "deployments",
		func(kube kubernetes.Interface, namespace string) client[*appsv1.Deployment, *appsv1.DeploymentList] {
			return kube.AppsV1().Deployments(namespace)
		}),
	newKind(appsv1.SchemeGroupVersion.WithKind("StatefulSet"), "statefulsets",
		func(kube kubernetes.Interface, namespace string) client[*appsv1.StatefulSet, *appsv1.StatefulSetList] {
			return kube.AppsV1().StatefulSets(namespace)
		}),
	newKind(appsv1.SchemeGroupVersion.WithKind("DaemonSet"), "daemonsets",
		func(kube kubernetes.Interface, namespace string) client[*appsv1.DaemonSet, *appsv1.DaemonSetList] {
			return kube.AppsV1().DaemonSets(namespace)
		}),
	newKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), "replicasets",
		func(kube kubernetes.Interface, namespace string) client[*appsv1.ReplicaSet, *appsv1.ReplicaSetList] {
			return kube.AppsV1().ReplicaSets(namespace)
		}),
	newKind(batchv1.SchemeGroupVersion.WithKind("CronJob"), "cronjobs",
		func(kube kubernetes.Interface, namespace string) client[*batchv1.CronJob, *batchv1.CronJobList] {
			return kube.BatchV1().CronJobs(namespace)
		}),
	newKind(batchv1.SchemeGroupVersion.WithKind("Job"), "jobs",
		func(kube kubernetes.Interface, namespace string) client[*batchv1.Job, *batchv1.JobList] {
			return kube.BatchV1().Jobs(namespace)
		}),
	newKind(corev1.SchemeGroupVersion.WithKind("Pod"), "pods",
		func(kube kubernetes.Interface, namespace string) client[*corev1.Pod, *corev1.PodList] {
			return kube.CoreV1().Pods(namespace)
		}),
}

// client is a typed client of one kind.
type client[T Object, L runtime.Object] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
	Patch(ctx context.Context, name string, pt types.PatchType, data []byte, opts metav1.PatchOptions, subresources ...string) (T, error)
}

func newKind[T Object, L runtime.Object](gvk schema.GroupVersionKind, resource string, of func(kubernetes.Interface, string) client[T, L]) *kind {
	return &kind{
		gvk: gvk, resource: resource,
		is: func(object Object) bool {
			_, is := object.(T)
			return is
		},
		get: func(ctx context.Context, kube kubernetes.Interface, namespace, name string) (Object, error) {
			return of(kube, namespace).Get(ctx, name, metav1.GetOptions{})
		},
		list: func(ctx context.Context, kube kubernetes.Interface, namespace string) ([]Object, error) {
			list, err := of(kube, namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, err
			}
			var objects []Object
			err = meta.EachListItem(list, func(item runtime.Object) error {
				objects = append(objects, item.(T))
				return nil
			})
			return objects, err
		},
		patch: func(ctx context.Context, kube kubernetes.Interface, namespace, name string, t types.PatchType, data []byte, o metav1.PatchOptions) (Object, error) {
			return of(kube, namespace).Patch(ctx, name, t, data, o)
		},
	}
}

// builtIn returns what is known of a kind of Kubernetes, nil for any other.
func builtIn(gvk schema.GroupVersionKind) *kind {
	for _, k := range kinds {
		if k.gvk == gvk {
			return k
		}
	}
	return nil
}
