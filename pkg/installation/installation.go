// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package installation finds the Restage of a cluster: the namespace it is in and its components.
package installation

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Names of what is installed.
const (
	// DefaultNamespace is where Restage is installed unless another is chosen.
	DefaultNamespace = "restage-system"
	Server           = wiring.ServerDeployment
	Controller       = wiring.ControllerDeployment
	Forwarder        = wiring.ForwarderDeployment
	// PartOf is the label that everything of ours carries.
	PartOf = "app.kubernetes.io/part-of=restage"

	nameLabel = "app.kubernetes.io/name"
)

// APIService is the name of the registration of our API.
var APIService = apiregistration.Name

// Components are the Deployments that make up Restage, in the order in which they come up.
var Components = []string{Server, Controller, Forwarder}

// Installation of Restage.
type Installation struct {
	Namespace string
	// Deployments of components, by name. One that is not there is missing.
	Deployments map[string]*appsv1.Deployment
	// Others are namespaces that hold components as well.
	Others []string
}

// Installed tells whether there is a server or a controller.
func (i *Installation) Installed() bool {
	return i.Deployments[Server] != nil || i.Deployments[Controller] != nil
}

// Find looks in a namespace or, when that is empty, in the whole cluster: where components are, else where the registration says
// that the server is, else in the default namespace. What is not there is no error.
func Find(ctx context.Context, kube kubernetes.Interface, registrations aggregator.Interface, namespace string) (*Installation, error) {
	found := &Installation{Namespace: namespace, Deployments: map[string]*appsv1.Deployment{}}
	list, err := deployments(ctx, kube, namespace)
	if err != nil {
		return nil, err
	}
	if namespace == "" {
		if found.Namespace, err = home(ctx, registrations, list); err != nil {
			return nil, err
		}
	}
	for i := range list {
		if d := &list[i]; d.Namespace == found.Namespace {
			found.Deployments[d.Name] = d
		} else if !slices.Contains(found.Others, d.Namespace) {
			found.Others = append(found.Others, d.Namespace)
		}
	}
	return found, nil
}

// deployments of components. A caller that may not look into all namespaces finds those of the default one.
func deployments(ctx context.Context, kube kubernetes.Interface, namespace string) ([]appsv1.Deployment, error) {
	list, err := kube.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{LabelSelector: PartOf})
	if apierrors.IsForbidden(err) && namespace == "" {
		list, err = kube.AppsV1().Deployments(DefaultNamespace).List(ctx, metav1.ListOptions{LabelSelector: PartOf})
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the Deployments of Restage: %w", err)
	}
	return slices.DeleteFunc(list.Items, func(d appsv1.Deployment) bool {
		return !slices.Contains(Components, d.Name) || d.Labels[nameLabel] != d.Name
	}), nil
}

// home is the namespace of the server that is registered, if components are there, else that of the first component.
func home(ctx context.Context, registrations aggregator.Interface, list []appsv1.Deployment) (string, error) {
	registered := ""
	service, err := registrations.ApiregistrationV1().APIServices().Get(ctx, APIService, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return "", fmt.Errorf("reading APIService %s: %w", APIService, err)
	}
	if err == nil && service.Spec.Service != nil {
		registered = service.Spec.Service.Namespace
	}
	if slices.ContainsFunc(list, func(d appsv1.Deployment) bool { return d.Namespace == registered }) {
		return registered, nil
	}
	if len(list) > 0 {
		return list[0].Namespace, nil
	}
	if registered != "" {
		return registered, nil
	}
	return DefaultNamespace, nil
}
