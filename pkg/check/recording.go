// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apply"
	"github.com/restage-dev/restage/pkg/injection"
)

// injectedPods looks at the pods of the target namespaces that have our containers.
func injectedPods(ctx context.Context, c *Cluster) ([]Finding, error) {
	var findings []Finding
	count := 0
	for _, namespace := range c.Targets {
		pods, err := c.pods(ctx, namespace, labels.Everything())
		if err != nil {
			return nil, err
		}
		for i := range pods {
			pod := &pods[i]
			if !hasOurs(pod) || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded {
				continue
			}
			count++
			why := apply.PodReason(ctx, c.Kube, pod)
			if strings.Contains(why, "cannot be pulled") || strings.Contains(why, "crashes") && strings.Contains(why, "container restage-") {
				findings = append(findings, failure(c.podFix(why, namespace, "pod/"+pod.Name), "pod %s/%s: %s", namespace, pod.Name, clip(why)))
			}
		}
	}
	return orOK(findings, "%d pods of the target namespaces have containers of Restage", count), nil
}

// hasOurs tells whether a pod was made by us or has our sidecar.
func hasOurs(pod *corev1.Pod) bool {
	return pod.Labels[v1alpha1.LabelComponent] != "" || injection.HasProxy(pod.Spec)
}

// captures tells whether what is to be recorded is.
func captures(ctx context.Context, c *Cluster) ([]Finding, error) {
	var findings []Finding
	count := 0
	for _, namespace := range c.Targets {
		list, err := c.Restage.ReplayV1alpha1().TrafficCaptures(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("listing the TrafficCaptures of namespace %s: %w", namespace, err)
		}
		for _, capture := range list.Items {
			count++
			ready := meta.FindStatusCondition(capture.Status.Conditions, v1alpha1.ConditionReady)
			if ready != nil && ready.Status == metav1.ConditionFalse {
				findings = append(findings, warning(fmt.Sprintf("kubectl -n %s describe trafficcapture %s", namespace, capture.Name),
					"TrafficCapture %s/%s is not ready: %s: %s", namespace, capture.Name, ready.Reason, clip(ready.Message)))
			}
		}
	}
	return orOK(findings, "%d captures in the target namespaces", count), nil
}
