// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/installation"
)

func serverRuns(ctx context.Context, c *Cluster) ([]Finding, error) {
	return c.componentRuns(ctx, installation.Server)
}

func controllerRuns(ctx context.Context, c *Cluster) ([]Finding, error) {
	return c.componentRuns(ctx, installation.Controller)
}

// forwarderRuns: the controller deploys the forwarder, so that a missing one is first of all the controller's affair.
func forwarderRuns(ctx context.Context, c *Cluster) ([]Finding, error) {
	if c.Found.Deployments[installation.Forwarder] == nil {
		return []Finding{failure(restart(c, installation.Controller),
			"Deployment %s/%s is not there; the controller makes it when it runs", c.home(), installation.Forwarder)}, nil
	}
	return c.componentRuns(ctx, installation.Forwarder)
}

// componentRuns tells whether a Deployment has the pods that it wants, and what keeps them.
func (c *Cluster) componentRuns(ctx context.Context, name string) ([]Finding, error) {
	d := c.Found.Deployments[name]
	if d == nil {
		return []Finding{failure(c.reinstall(), "Deployment %s/%s is not there", c.home(), name)}, nil
	}
	if d.Spec.Replicas != nil && *d.Spec.Replicas == 0 {
		return []Finding{failure(restart(c, name), "Deployment %s/%s is scaled to 0", c.home(), name)}, nil
	}
	ready, detail, err := c.Apply.Deployment(c.home(), name).Check(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading Deployment %s/%s: %w", c.home(), name, err)
	}
	if ready {
		return ok("%s, image %s", detail, d.Spec.Template.Spec.Containers[0].Image), nil
	}
	finding := failure(c.podFix(detail, c.home(), "deployment/"+name), "Deployment %s/%s: %s", c.home(), name, clip(detail))
	if d.Status.ReadyReplicas > 0 {
		finding.Verdict = Warning
	}
	return []Finding{finding}, nil
}

// podFix is what to do when a pod is not ready for a reason that package apply gives.
func (c *Cluster) podFix(detail, namespace, object string) string {
	switch {
	case strings.Contains(detail, "cannot be pulled"):
		return fmt.Sprintf("kubectl restage install --namespace=%s --registry=REGISTRY --image-pull-secrets=SECRET | kubectl apply -f -", c.home())
	case strings.Contains(detail, "has no volume"):
		return fmt.Sprintf("kubectl -n %s describe persistentvolumeclaims; kubectl get storageclasses", namespace)
	case strings.Contains(detail, "crashes"):
		return fmt.Sprintf("kubectl -n %s logs %s --previous", namespace, object)
	case strings.Contains(detail, "violates PodSecurity"):
		return fmt.Sprintf("kubectl label namespace %s %s=%s --overwrite", namespace, injection.EnforceLabel, privileged)
	}
	return fmt.Sprintf("kubectl -n %s describe %s", namespace, object)
}

func running(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil
}
