// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package initializer hands our admission plugins what they want.
package initializer

import (
	"k8s.io/apiserver/pkg/admission"
	genericinitializer "k8s.io/apiserver/pkg/admission/initializer"
	quota "k8s.io/apiserver/pkg/quota/v1/generic"

	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/workload"
)

// WantsReader is a plugin that reads the objects of this server.
type WantsReader interface {
	SetReader(lookup.Reader)
	admission.InitializationValidator
}

// WantsWorkloads is a plugin that reads workloads from the API server of the cluster.
type WantsWorkloads interface {
	SetWorkloads(workload.Source)
	admission.InitializationValidator
}

// WantsProxyImage is a plugin that adds the proxy to pods.
type WantsProxyImage interface {
	SetProxyImage(image string)
	admission.InitializationValidator
}

// WantsImagePullSecrets is a plugin that adds the Secrets that our images are pulled with to pods.
type WantsImagePullSecrets interface {
	SetImagePullSecrets(names []string)
	admission.InitializationValidator
}

// WantsNamespaces is a plugin that minds where the controller works.
type WantsNamespaces interface {
	// SetNamespaces names them; none means all.
	SetNamespaces(names []string)
	admission.InitializationValidator
}

// WantsInjection is a plugin that minds how recording proxies get into pods.
type WantsInjection interface {
	// SetInjection tells how: one of wiring.Injections.
	SetInjection(injection string)
	admission.InitializationValidator
}

// Initializer hands out what it holds.
type Initializer struct {
	Reader     lookup.Reader
	Workloads  workload.Source
	ProxyImage string
	// ImagePullSecrets and Namespaces may be empty.
	ImagePullSecrets []string
	Namespaces       []string
	// Injection is how recording proxies get into pods, one of wiring.Injections.
	Injection string
}

// Initialize gives the plugin what it wants.
func (i Initializer) Initialize(plugin admission.Interface) {
	if wants, ok := plugin.(WantsReader); ok {
		wants.SetReader(i.Reader)
	}
	if wants, ok := plugin.(WantsWorkloads); ok {
		wants.SetWorkloads(i.Workloads)
	}
	if wants, ok := plugin.(WantsProxyImage); ok {
		wants.SetProxyImage(i.ProxyImage)
	}
	if wants, ok := plugin.(WantsImagePullSecrets); ok {
		wants.SetImagePullSecrets(i.ImagePullSecrets)
	}
	if wants, ok := plugin.(WantsNamespaces); ok {
		wants.SetNamespaces(i.Namespaces)
	}
	if wants, ok := plugin.(WantsInjection); ok {
		wants.SetInjection(i.Injection)
	}
	if wants, ok := plugin.(genericinitializer.WantsQuotaConfiguration); ok {
		wants.SetQuotaConfiguration(quota.NewConfiguration(nil, nil)) // of our objects only their number counts
	}
}
