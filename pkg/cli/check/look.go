// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/restage-dev/restage/pkg/apply"
	checks "github.com/restage-dev/restage/pkg/check"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/pkg/installation"
)

// look makes the clients and finds out what is installed.
func (o *options) look(ctx context.Context) (*checks.Cluster, error) {
	looked := &checks.Cluster{Before: o.pre, NoProbe: o.noProbe}
	if err := o.connect(looked); err != nil {
		return nil, err
	}
	planned, err := o.planned.options(o.streams.In)
	if err != nil {
		return nil, err
	}
	system := o.system
	if system == "" && planned.Namespace != installation.DefaultNamespace {
		system = planned.Namespace
	}
	if looked.Found, err = installation.Find(ctx, looked.Kube, looked.Aggregator, system); err != nil {
		return nil, err
	}
	if err := o.render(looked, planned); err != nil {
		return nil, err
	}
	looked.Targets, err = o.namespaces(ctx, looked)
	return looked, err
}

// render makes the manifests of what is installed or, before that, of what is planned, and says which image probe pods run.
func (o *options) render(looked *checks.Cluster, planned install.Options) (err error) {
	asPlanned := o.planned.first() != ""
	switch {
	case asPlanned && looked.Installed():
		return o.planned.refuse(looked.Found.Namespace)
	case asPlanned:
		planned.Namespace = looked.Found.Namespace
	default:
		planned = renderedAs(looked.Found)
	}
	if looked.Manifests, err = install.Render(planned); err != nil {
		return err
	}
	looked.Injection = string(planned.Complete().Injection)
	installed := looked.Found
	if image, _ := installed.ProxyImage(); image == "" || asPlanned {
		if installed, err = asInstalled(looked.Manifests); err != nil {
			return err
		}
	}
	image, pull := installed.ProxyImage()
	looked.Probe = checks.Image{Name: image, PullPolicy: pull, PullSecrets: installed.PullSecrets()}
	if o.probeImage != "" {
		looked.Probe.Name, looked.Probe.PullPolicy = o.probeImage, corev1.PullIfNotPresent
	}
	return nil
}

func (o *options) connect(looked *checks.Cluster) (err error) {
	if looked.Config, err = o.cluster.REST(); err != nil {
		return err
	}
	if looked.Kube, err = kubernetes.NewForConfig(looked.Config); err != nil {
		return fmt.Errorf("making the Kubernetes client: %w", err)
	}
	if looked.Aggregator, err = aggregator.NewForConfig(looked.Config); err != nil {
		return fmt.Errorf("making the aggregator's client: %w", err)
	}
	if looked.Restage, err = versioned.NewForConfig(looked.Config); err != nil {
		return fmt.Errorf("making our own client: %w", err)
	}
	if looked.Metadata, err = metadata.NewForConfig(looked.Config); err != nil {
		return fmt.Errorf("making the client of metadata: %w", err)
	}
	if looked.Dynamic, err = dynamic.NewForConfig(looked.Config); err != nil {
		return fmt.Errorf("making the dynamic client: %w", err)
	}
	looked.Apply, err = apply.New(looked.Config)
	return err
}

// renderedAs are the options that what is installed, as far as it is, was rendered with.
func renderedAs(found *installation.Installation) install.Options {
	o := install.Defaults()
	o.Namespace = found.Namespace
	o.Namespaces = found.Namespaces()
	if injection := found.Injection(); injection != "" {
		o.Injection = install.Injection(injection)
	}
	if servers := found.EtcdServers(); len(servers) > 0 {
		o.HA, o.EtcdServers = true, servers
	}
	return o
}

// asInstalled is what the settings of the controller in the manifests are when they have been applied.
func asInstalled(manifests []*unstructured.Unstructured) (*installation.Installation, error) {
	for _, object := range manifests {
		if object.GetKind() != "Deployment" || object.GetName() != installation.Controller {
			continue
		}
		controller := &appsv1.Deployment{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, controller); err != nil {
			return nil, fmt.Errorf("reading Deployment %s of the manifests: %w", object.GetName(), err)
		}
		return &installation.Installation{Deployments: map[string]*appsv1.Deployment{installation.Controller: controller}}, nil
	}
	return nil, fmt.Errorf("the manifests have no Deployment %s", installation.Controller)
}

// namespaces to look at.
func (o *options) namespaces(ctx context.Context, looked *checks.Cluster) ([]string, error) {
	targets := slices.Clone(o.targets)
	if named := *o.cluster.Flags.Namespace; named != "" {
		targets = append(targets, named)
	}
	if len(targets) == 0 {
		var err error
		if targets, err = recorded(ctx, looked); err != nil {
			return nil, err
		}
	}
	if len(targets) == 0 {
		current, err := o.cluster.Namespace()
		if err != nil {
			return nil, err
		}
		targets = []string{current}
	}
	slices.Sort(targets)
	return slices.Compact(targets), nil
}

// recorded are the namespaces with workloads that carry the annotation, or the proxy.
func recorded(ctx context.Context, looked *checks.Cluster) ([]string, error) {
	workloads, err := checks.Recorded(ctx, looked)
	if err != nil {
		return nil, err
	}
	var namespaces []string
	for _, w := range workloads {
		namespaces = append(namespaces, w.GetNamespace())
	}
	return namespaces, nil
}
