// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package inject

import (
	"context"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/objects"
	"github.com/restage-dev/restage/pkg/cli/workload"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/manifest"
)

const (
	// fieldManager owns what is put into workloads in the cluster.
	fieldManager = "restage-inject"
	// operator owns what the operator puts in.
	operator = "restage-capture"
)

// apply puts the proxy into a workload of the cluster and says so.
func apply(ctx context.Context, c *cluster.Cluster, argument string, o manifest.Options) (string, error) {
	kube, deployment, err := read(ctx, c, argument)
	if err != nil {
		return "", err
	}
	name := workload.Resource + "/" + deployment.Name
	if owns(deployment, operator) {
		return name + " is injected by the operator already", nil
	}
	if manifest.IsInjected(deployment) && !owns(deployment, fieldManager) {
		return name + " is injected in its manifest already", nil
	}
	if err := injection.RefuseCapture(deployment.Spec.Template.Spec); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if o.ImagePullSecrets, err = pullSecrets(ctx, kube, deployment, o.ImagePullSecrets); err != nil {
		return "", err
	}
	template, err := addition(deployment, o)
	if err != nil {
		return "", err
	}
	config := partial(deployment).
		WithAnnotations(map[string]string{v1alpha1.AnnotationCaptureEnabled: "true", v1alpha1.AnnotationCaptureInjected: ""}).
		WithSpec(appsapply.DeploymentSpec().WithTemplate(template))
	if _, err := kube.AppsV1().Deployments(deployment.Namespace).Apply(ctx, config, metav1.ApplyOptions{FieldManager: fieldManager, Force: true}); err != nil {
		return "", fmt.Errorf("injecting %s: %w", name, err)
	}
	return name + " injected (server-side applied)", nil
}

// withdraw takes the proxy out of a workload of the cluster and says so.
func withdraw(ctx context.Context, c *cluster.Cluster, argument string) (string, error) {
	kube, deployment, err := read(ctx, c, argument)
	if err != nil {
		return "", err
	}
	name := workload.Resource + "/" + deployment.Name
	switch {
	case owns(deployment, fieldManager):
	case owns(deployment, operator):
		return "", fmt.Errorf("%s was injected by the operator, which would do it again; use kubectl restage capture stop deploy/%s", name, deployment.Name)
	case manifest.IsInjected(deployment):
		return "", errors.New(name + " was injected in its manifest; take the proxy out there with kubectl restage uninject -f, and apply it")
	default:
		return name + " is not injected", nil
	}
	if _, err := kube.AppsV1().Deployments(deployment.Namespace).Apply(ctx, partial(deployment), metav1.ApplyOptions{FieldManager: fieldManager, Force: true}); err != nil {
		return "", fmt.Errorf("uninjecting %s: %w", name, err)
	}
	return name + " uninjected (server-side applied)", nil
}

func read(ctx context.Context, c *cluster.Cluster, argument string) (kubernetes.Interface, *appsv1.Deployment, error) {
	ref, err := workload.Parse(argument)
	if err != nil {
		return nil, nil, err
	}
	kube, err := c.Kube()
	if err != nil {
		return nil, nil, err
	}
	namespace, err := c.Namespace()
	if err != nil {
		return nil, nil, err
	}
	deployment, err := kube.AppsV1().Deployments(namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	return kube, deployment, objects.ExplainWorkload(ctx, c, err)
}

// addition is what is added to the template of a workload.
func addition(deployment *appsv1.Deployment, o manifest.Options) (*coreapply.PodTemplateSpecApplyConfiguration, error) {
	patch, err := o.Patch(deployment)
	if err != nil {
		return nil, err
	}
	spec, err := patch.PodSpec()
	if err != nil {
		return nil, err
	}
	return coreapply.PodTemplateSpec().WithAnnotations(patch.Annotations()).WithSpec(spec), nil
}

// pullSecrets are those that the pods need besides their own, as the operator counts them: a pod with any gets none of its service account.
func pullSecrets(ctx context.Context, kube kubernetes.Interface, deployment *appsv1.Deployment, ours []string) ([]string, error) {
	if len(ours) == 0 {
		return nil, nil
	}
	name := injection.AccountOf(deployment.Spec.Template.Spec)
	account, err := kube.CoreV1().ServiceAccounts(deployment.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the pull secrets of ServiceAccount %q: %w", name, err)
	}
	return injection.PullSecrets(deployment.Spec.Template, account.ImagePullSecrets, ours), nil
}

// partial names this very Deployment: were it gone, an apply by name alone would make a new one.
func partial(deployment *appsv1.Deployment) *appsapply.DeploymentApplyConfiguration {
	return appsapply.Deployment(deployment.Name, deployment.Namespace).WithUID(deployment.UID)
}

// owns tells whether a field manager has fields of the Deployment.
func owns(deployment *appsv1.Deployment, manager string) bool {
	return slices.ContainsFunc(deployment.ManagedFields, func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == manager && entry.Operation == metav1.ManagedFieldsOperationApply
	})
}
