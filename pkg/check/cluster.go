// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/restage-dev/restage/pkg/apply"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/installation"
)

// Cluster is what is looked at.
type Cluster struct {
	Config     *rest.Config
	Kube       kubernetes.Interface
	Aggregator aggregator.Interface
	Restage    versioned.Interface
	Metadata   metadata.Interface
	Dynamic    dynamic.Interface
	Apply      *apply.Client
	// Found is the installation.
	Found *installation.Installation
	// Before has a cluster with Restage looked at as if it were to be installed.
	Before bool
	// Manifests are what an installation in the namespace of Found is made of.
	Manifests []*unstructured.Unstructured
	// Injection is how recording proxies get into pods there, one of wiring.Injections.
	Injection string
	// Targets are the namespaces whose workloads are or will be recorded.
	Targets []string
	// NoProbe leaves the probe pods out.
	NoProbe bool
	// Probe is the image of restage-proxy that probe pods run.
	Probe Image

	probes []probeOutcome // of each target namespace, once it has run
}

// Image is one that pods run.
type Image struct {
	Name       string
	PullPolicy corev1.PullPolicy
	// PullSecrets are names of Secrets in the namespaces of the pods.
	PullSecrets []string
}

// Installed tells whether the cluster is looked at as one with Restage.
func (c *Cluster) Installed() bool {
	return !c.Before && c.Found.Installed()
}

func (c *Cluster) home() string { return c.Found.Namespace }

// reinstall is the command that brings back what the manifests have, with more flags.
func (c *Cluster) reinstall(flags ...string) string {
	command := []string{"kubectl restage install"}
	if c.home() != installation.DefaultNamespace {
		command = append(command, "--namespace", c.home())
	}
	return strings.Join(append(append(command, flags...), "| kubectl apply -f -"), " ")
}

// podsOf lists the pods of a component.
func (c *Cluster) podsOf(ctx context.Context, component string) ([]corev1.Pod, error) {
	deployment := c.Found.Deployments[component]
	if deployment == nil {
		return nil, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(deployment.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("reading the selector of Deployment %s/%s: %w", c.home(), component, err)
	}
	return c.pods(ctx, c.home(), selector)
}

func (c *Cluster) pods(ctx context.Context, namespace string, selector labels.Selector) ([]corev1.Pod, error) {
	list, err := c.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of namespace %s: %w", namespace, err)
	}
	return list.Items, nil
}

// clip shortens a message from outside to what fits into a line or two.
func clip(message string) string {
	const most = 400
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > most {
		return message[:most] + "..."
	}
	return message
}
