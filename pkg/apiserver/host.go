// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/restage-dev/restage/pkg/admission/workload"
)

// resync is how often informers hand out everything again. They need it for nothing.
const resync = time.Hour

// Host is the API server of the cluster that this server extends.
type Host struct {
	Client        kubernetes.Interface
	Dynamic       dynamic.Interface
	Registrations aggregator.Interface
	Informers     informers.SharedInformerFactory
}

// newHost connects to the host named by a kubeconfig, or from within the cluster when there is none.
func newHost(kubeconfig string) (*Host, error) {
	var config *rest.Config
	var err error
	if kubeconfig == "" {
		config, err = rest.InClusterConfig()
	} else {
		config, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	}
	if err != nil {
		return nil, fmt.Errorf("configuring the client of the host: %w", err)
	}
	// Admission asks the host in the middle of a user's request, so a limit here would be one on users. What we ask is bounded by the
	// requests that we serve at once, and the host has its own priority and fairness.
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making the client of the host: %w", err)
	}
	dynamicClient, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making the dynamic client of the host: %w", err)
	}
	registrations, err := aggregator.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making the client of API registrations: %w", err)
	}
	return &Host{
		Client: client, Dynamic: dynamicClient, Registrations: registrations, Informers: informers.NewSharedInformerFactory(client, resync),
	}, nil
}

// workloads returns what admission reads workloads with, from an informer where there is to be one. It must be called before
// the informers start.
func (h *Host) workloads(cached bool) (workload.Source, error) {
	// Namespaces are watched in every installation, since nothing is made in one that is going.
	source := workload.Source{Client: h.Client, Dynamic: h.Dynamic, Namespaces: h.Informers.Core().V1().Namespaces().Lister()}
	if !cached {
		return source, nil
	}
	deployments := h.Informers.Apps().V1().Deployments()
	if err := deployments.Informer().SetTransform(workload.Trim); err != nil {
		return source, fmt.Errorf("trimming Deployments: %w", err)
	}
	source.Cached = deployments.Lister()
	return source, nil
}
