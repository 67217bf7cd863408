// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package kept finds pods that keep a recording proxy which no change of a template takes out of them: it was added as they were made, or their
// workload replaces no pods. The proxy relays, whether or not anything of Restage is there, and goes when they are replaced.
package kept

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/pager"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/workload"
)

// revision is the annotation that counts the templates of a Deployment, on it and on the ReplicaSets that it makes of them.
const revision = "deployment.kubernetes.io/revision"

// Pods are those of a workload that keep the proxy.
type Pods struct {
	Namespace string                     `json:"namespace"`
	Workload  v1alpha1.WorkloadReference `json:"workload"`
	Names     []string                   `json:"pods"`
	// Command replaces them; a pod that nothing makes is deleted by it.
	Command string `json:"command"`
}

// Except tells which workloads in a namespace are not looked at. It is asked before anything is read of them.
type Except func(namespace string, ref v1alpha1.WorkloadReference) bool

// Find looks for them in a namespace, or in all when it is empty. Pods that are being deleted, or replaced since the template of their workload has
// changed, are not among them.
func Find(ctx context.Context, c workload.Client, namespace string, except Except) ([]Pods, error) {
	f := &finder{reader: reader{c, map[types.UID]maker{}}, except: except, found: map[string]*Pods{}}
	pods := func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
		return c.Kube.CoreV1().Pods(namespace).List(ctx, o)
	}
	if err := each(ctx, pods, f.look); err != nil {
		return nil, fmt.Errorf("looking for pods with the recording proxy: %w", err)
	}
	return f.all(), nil
}

// each does something with each object of a list, which is read page by page.
func each[T runtime.Object](ctx context.Context, list pager.ListPageFunc, do func(context.Context, T) error) error {
	return pager.New(list).EachListItem(ctx, metav1.ListOptions{}, func(object runtime.Object) error { return do(ctx, object.(T)) })
}

// finder gathers pods by their workloads.
type finder struct {
	reader
	except Except
	found  map[string]*Pods
}

func (f *finder) look(ctx context.Context, pod *corev1.Pod) error {
	ours := pod.Labels[v1alpha1.LabelPartOf] == v1alpha1.PartOf // as copies in environments are, which go with those
	ended := pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	if ours || ended || !injection.HasProxy(pod.Spec) {
		return nil
	}
	ref := workload.OwnerOf(pod)
	if f.except(pod.Namespace, ref) {
		return nil
	}
	by, err := f.maker(ctx, pod.Namespace, metav1.GetControllerOfNoCopy(pod))
	if err != nil {
		return err
	}
	of := by
	if ref.Kind == v1alpha1.DefaultWorkloadKind && by.Workload != nil {
		if of, err = f.maker(ctx, pod.Namespace, by.Controlled()); err != nil {
			return err
		}
	}
	if goes(pod, by, of) {
		return nil
	}
	key := strings.Join([]string{pod.Namespace, ref.APIVersion, ref.Kind, ref.Name}, "/")
	if f.found[key] == nil {
		f.found[key] = &Pods{Namespace: pod.Namespace, Workload: ref}
	}
	f.found[key].Command = cmp.Or(f.found[key].Command, command(pod, by, of))
	f.found[key].Names = append(f.found[key].Names, pod.Name)
	return nil
}

// reader reads what makes pods, once.
type reader struct {
	workload.Client
	makers map[types.UID]maker
}

// maker is what makes pods.
type maker struct {
	*workload.Workload // nil when it is gone, or nothing is known of it
	known              bool
}

func (m maker) gone() bool { return m.known && m.Workload == nil }

// maker reads what made a pod, or what made that. Nothing is known of what has no template or cannot be read: its pods may well stay. The error is that
// of the context.
func (r *reader) maker(ctx context.Context, namespace string, owner *metav1.OwnerReference) (maker, error) {
	if owner == nil {
		return maker{}, nil
	}
	if m, ok := r.makers[owner.UID]; ok {
		return m, nil
	}
	w, err := r.Get(ctx, namespace, v1alpha1.WorkloadReference{APIVersion: owner.APIVersion, Kind: owner.Kind, Name: owner.Name})
	if ctx.Err() != nil {
		return maker{}, fmt.Errorf("reading %s %s/%s: %w", owner.Kind, namespace, owner.Name, ctx.Err())
	}
	m := maker{w, true}
	if err != nil {
		m = maker{nil, apierrors.IsNotFound(err)}
	}
	r.makers[owner.UID] = m
	return m, nil
}

// goes tells whether a pod goes by itself: with what made it, when the proxy is taken out of the template that it is made from, or because it has been.
// It is made by one, which is of a workload or is that.
func goes(pod *corev1.Pod, by, of maker) bool {
	switch {
	case by.gone() || of.gone():
		return true
	case by.Workload == nil:
		return false
	case of.Workload != nil && of.HoldsPod(pod):
		return false
	case injection.HasProxy(by.Template.Spec):
		return by.Controlled() != nil || by.Change != workload.ChangeOnDelete
	}
	return of.Workload != nil && of.Change == workload.ChangeReplaces && replacing(pod, by.Workload, of.Workload)
}

// replacing tells whether a workload, which replaces its pods itself, is about to replace one.
func replacing(pod *corev1.Pod, by, of *workload.Workload) bool {
	switch o := of.Object.(type) {
	case *appsv1.Deployment:
		return o.Status.ObservedGeneration < o.Generation || by.GetAnnotations()[revision] != o.Annotations[revision]
	case *appsv1.StatefulSet:
		return o.Status.ObservedGeneration < o.Generation || pod.Labels[appsv1.ControllerRevisionHashLabelKey] != o.Status.UpdateRevision
	case *appsv1.DaemonSet:
		return o.Status.ObservedGeneration < o.Generation || o.Status.UpdatedNumberScheduled < o.Status.DesiredNumberScheduled
	}
	return false
}

// command replaces the pods of a workload of which one is kept; empty when they are to be deleted. One that is held is made again with the proxy when it is
// deleted, unless it got that as it was made.
func command(pod *corev1.Pod, by, of maker) string {
	if by.Workload == nil || of.Workload == nil {
		return ""
	}
	if of.HoldsPod(pod) && (injection.HasProxy(by.Template.Spec) || replacing(pod, by.Workload, of.Workload)) {
		return of.ReleaseCommand()
	}
	return of.RestartCommand()
}

// all are what was found, sorted.
func (f *finder) all() []Pods {
	var all []Pods
	for _, pods := range f.found {
		slices.Sort(pods.Names)
		if pods.Command == "" {
			pods.Command = fmt.Sprintf("kubectl -n %s delete pod %s", pods.Namespace, strings.Join(pods.Names, " "))
		}
		all = append(all, *pods)
	}
	slices.SortFunc(all, func(a, b Pods) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Workload.Kind, b.Workload.Kind), cmp.Compare(a.Workload.Name, b.Workload.Name))
	})
	return all
}
