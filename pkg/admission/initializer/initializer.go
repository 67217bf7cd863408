// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package initializer hands our admission plugins what they want.
package initializer

import (
	"k8s.io/apiserver/pkg/admission"
	genericinitializer "k8s.io/apiserver/pkg/admission/initializer"
	quota "k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
)

// WantsReplayClient is a plugin that reads the objects of this server. It reads them live, because a replay is often made in the
// same breath as the snapshot and the profile that it names.
type WantsReplayClient interface {
	SetReplayClient(versioned.Interface)
	admission.InitializationValidator
}

// WantsHostClient is a plugin that reads workloads from the API server of the cluster.
type WantsHostClient interface {
	SetHostClient(kubernetes.Interface)
	admission.InitializationValidator
}

// WantsProxyImage is a plugin that adds the proxy to pods.
type WantsProxyImage interface {
	SetProxyImage(image string)
	admission.InitializationValidator
}

// Initializer hands out what it holds.
type Initializer struct {
	ReplayClient versioned.Interface
	HostClient   kubernetes.Interface
	ProxyImage   string
}

// Initialize gives the plugin what it wants.
func (i Initializer) Initialize(plugin admission.Interface) {
	if wants, ok := plugin.(WantsReplayClient); ok {
		wants.SetReplayClient(i.ReplayClient)
	}
	if wants, ok := plugin.(WantsHostClient); ok {
		wants.SetHostClient(i.HostClient)
	}
	if wants, ok := plugin.(WantsProxyImage); ok {
		wants.SetProxyImage(i.ProxyImage)
	}
	if wants, ok := plugin.(genericinitializer.WantsQuotaConfiguration); ok {
		wants.SetQuotaConfiguration(quota.NewConfiguration(nil, nil)) // of our objects only their number counts
	}
}
