// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package admission holds the admission chain: which plugins there are, and their order.
package admission

import (
	"slices"

	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	mutatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	validatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	mutatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	validatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/validating"

	"github.com/restage-dev/restage/pkg/admission/plugin/defaultclass"
	"github.com/restage-dev/restage/pkg/admission/plugin/referencevalidation"
	"github.com/restage-dev/restage/pkg/admission/plugin/sidecarinjection"
)

// Plugins that need APIs which older hosts lack.
const (
	MutatingAdmissionPolicy   = mutatingpolicy.PluginName
	ValidatingAdmissionPolicy = validatingpolicy.PluginName
)

// order: the namespace first, since nothing may be made in one that is going; then ours, so that the cluster's policies and
// webhooks see what will be stored; the quota last, since it counts what all others have let pass.
// kube-apiserver runs no admission for requests that it hands on, so the cluster's own plugins are here too.
var order = []string{
	lifecycle.PluginName,
	defaultclass.PluginName,
	sidecarinjection.PluginName,
	referencevalidation.PluginName,
	mutatingpolicy.PluginName,
	mutatingwebhook.PluginName,
	validatingpolicy.PluginName,
	validatingwebhook.PluginName,
	resourcequota.PluginName,
}

// Order returns the names of all plugins in the order in which they run.
func Order() []string {
	return slices.Clone(order)
}

// Register makes our plugins and the quota known besides the generic ones.
func Register(plugins *admission.Plugins) {
	defaultclass.Register(plugins)
	sidecarinjection.Register(plugins)
	referencevalidation.Register(plugins)
	resourcequota.Register(plugins)
}
