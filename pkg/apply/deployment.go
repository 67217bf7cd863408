// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

type deployment struct {
	kube            kubernetes.Interface
	namespace, name string
}

// Deployment is ready when all its replicas are of its template and available.
func (c *Client) Deployment(namespace, name string) Condition {
	return deployment{c.kube, namespace, name}
}

func (d deployment) Name() string { return "Deployment " + d.name }

func (d deployment) Check(ctx context.Context) (bool, string, error) {
	found, err := d.kube.AppsV1().Deployments(d.namespace).Get(ctx, d.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, "it has not been made yet", nil
	}
	if err != nil {
		return false, "", err
	}
	want := int32(1)
	if found.Spec.Replicas != nil {
		want = *found.Spec.Replicas
	}
	status := found.Status
	if found.Generation > status.ObservedGeneration {
		return false, "the deployment controller has not seen it yet", nil
	}
	if status.UpdatedReplicas >= want && status.Replicas == status.UpdatedReplicas && status.AvailableReplicas >= want {
		return true, fmt.Sprintf("%d of %d ready", status.AvailableReplicas, want), nil
	}
	detail := fmt.Sprintf("%d of %d ready", min(status.AvailableReplicas, status.UpdatedReplicas), want)
	why, err := d.why(ctx, found)
	if err == nil && why != "" {
		detail += ": " + why
	}
	return false, detail, err
}

// why says what holds a rollout up, empty if nothing does yet.
func (d deployment) why(ctx context.Context, found *appsv1.Deployment) (string, error) {
	for _, condition := range found.Status.Conditions {
		if condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue {
			return condition.Message, nil // a quota, or a pod security level
		}
	}
	selector, err := metav1.LabelSelectorAsSelector(found.Spec.Selector)
	if err != nil {
		return "", fmt.Errorf("reading the selector: %w", err)
	}
	pods, err := d.kube.CoreV1().Pods(d.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return "", fmt.Errorf("listing its pods: %w", err)
	}
	ending := ""
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.DeletionTimestamp != nil {
			ending = "pod " + pod.Name + " is ending"
			continue
		}
		if why := (podReason{d.kube, pod}).why(ctx); why != "" {
			return why, nil
		}
	}
	return ending, nil
}
