// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/inplace"
	"github.com/restage-dev/restage/pkg/teardown"
	"github.com/restage-dev/restage/pkg/wiring"
)

// workload is one whose template holds the recording proxy.
type workload struct {
	Object
	// controlled tells that the controller put it in. Otherwise a user did, with kubectl restage inject, or somebody copied it.
	controlled bool
	template   corev1.PodTemplateSpec
}

// recorded finds the workloads with a recording proxy in their templates. Copies in environments have one as well and are not workloads of users.
func recorded(ctx context.Context, kube kubernetes.Interface) ([]workload, error) {
	var all []workload
	add := func(kind string, object metav1.Object, template corev1.PodTemplateSpec) {
		controlled := slices.ContainsFunc(object.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
			return entry.Manager == capture.FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply
		})
		if teardown.IsMade(object) || !controlled && !hasProxy(template.Spec) {
			return
		}
		all = append(all, workload{Object{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}, controlled, template})
	}
	deployments, err := kube.AppsV1().Deployments(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("looking for recorded Deployments: %w", err)
	}
	for i := range deployments.Items {
		add("Deployment", &deployments.Items[i], deployments.Items[i].Spec.Template)
	}
	sets, err := kube.AppsV1().StatefulSets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("looking for recorded StatefulSets: %w", err)
	}
	for i := range sets.Items {
		add("StatefulSet", &sets.Items[i], sets.Items[i].Spec.Template)
	}
	daemons, err := kube.AppsV1().DaemonSets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("looking for recorded DaemonSets: %w", err)
	}
	for i := range daemons.Items {
		add("DaemonSet", &daemons.Items[i], daemons.Items[i].Spec.Template)
	}
	return all, nil
}

func hasProxy(spec corev1.PodSpec) bool {
	return slices.ContainsFunc(spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == wiring.InitContainerName || c.Name == wiring.ProxyContainerName
	})
}

// takeOut takes the proxy out of a template: what the controller put in by giving up its fields, anything else by name.
func takeOut(ctx context.Context, kube kubernetes.Interface, w workload) error {
	if w.controlled {
		if _, err := inplace.Restore(ctx, kube, w.Namespace, w.Name, ""); err != nil {
			return err
		}
		if _, err := capture.RemoveSidecar(ctx, kube, w.Namespace, w.Name); err != nil {
			return err
		}
		deployment, err := kube.AppsV1().Deployments(w.Namespace).Get(ctx, w.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || err == nil && !hasProxy(deployment.Spec.Template.Spec) {
			return nil
		}
		if err != nil {
			return err
		}
		w.template = deployment.Spec.Template // somebody else owns the same fields
	}
	patch, err := cutting(w.template)
	if err != nil {
		return err
	}
	switch w.Kind {
	case "Deployment":
		_, err = kube.AppsV1().Deployments(w.Namespace).Patch(ctx, w.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	case "StatefulSet":
		_, err = kube.AppsV1().StatefulSets(w.Namespace).Patch(ctx, w.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	case "DaemonSet":
		_, err = kube.AppsV1().DaemonSets(w.Namespace).Patch(ctx, w.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	}
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// cutting is a patch that takes what we injected out of a template, and nothing else.
func cutting(template corev1.PodTemplateSpec) ([]byte, error) {
	without := template.DeepCopy()
	injection.Remove(without)
	maps.DeleteFunc(without.Annotations, func(key, _ string) bool { return strings.HasPrefix(key, "capture.restage.dev/") })
	before, err := json.Marshal(template)
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(without)
	if err != nil {
		return nil, err
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(before, after, corev1.PodTemplateSpec{})
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"spec": map[string]any{"template": json.RawMessage(patch)}})
}
