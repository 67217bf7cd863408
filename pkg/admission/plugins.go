// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package admission holds the admission chain: which plugins there are, and their order.
package admission

import (
	"fmt"
	"io"
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
	"github.com/restage-dev/restage/pkg/admission/plugin/replaylimits"
	"github.com/restage-dev/restage/pkg/admission/plugin/serviceresolution"
	"github.com/restage-dev/restage/pkg/admission/plugin/sidecarinjection"
	"github.com/restage-dev/restage/pkg/admission/plugin/watchednamespaces"
	"github.com/restage-dev/restage/pkg/admission/plugin/workloadaccess"
)

// Plugins that need APIs which older hosts lack.
const (
	MutatingAdmissionPolicy   = mutatingpolicy.PluginName
	ValidatingAdmissionPolicy = validatingpolicy.PluginName
)

// order: the namespace first, since nothing may be made in one that is going; then ours, so that the cluster's policies and
// webhooks see what will be stored. Of these ServiceResolution
// is before all that look at workloads, and WorkloadAccess before those that read them on behalf of the caller. Limits and
// the quota come last, since they count what all others have let pass.
// kube-apiserver runs no admission for requests that it hands on, so the cluster's own plugins are here too.
var order = []string{
	lifecycle.PluginName,
	watchednamespaces.PluginName,
	defaultclass.PluginName,
	serviceresolution.PluginName,
	workloadaccess.PluginName,
	sidecarinjection.PluginName,
	referencevalidation.PluginName,
	mutatingpolicy.PluginName,
	mutatingwebhook.PluginName,
	validatingpolicy.PluginName,
	validatingwebhook.PluginName,
	replaylimits.PluginName,
	resourcequota.PluginName,
}

// Order returns the names of all plugins in the order in which they run. All of them are on by default.
func Order() []string {
	return slices.Clone(order)
}

// Register makes our plugins and the quota known besides the generic ones.
func Register(plugins *admission.Plugins) {
	registerPlain(plugins, watchednamespaces.PluginName, func() admission.Interface { return watchednamespaces.New() })
	registerPlain(plugins, defaultclass.PluginName, func() admission.Interface { return defaultclass.New() })
	registerPlain(plugins, serviceresolution.PluginName, func() admission.Interface { return serviceresolution.New() })
	registerPlain(plugins, workloadaccess.PluginName, func() admission.Interface { return workloadaccess.New() })
	registerPlain(plugins, sidecarinjection.PluginName, func() admission.Interface { return sidecarinjection.New() })
	registerPlain(plugins, referencevalidation.PluginName, func() admission.Interface { return referencevalidation.New() })
	plugins.Register(replaylimits.PluginName, func(file io.Reader) (admission.Interface, error) { return replaylimits.New(file) })
	resourcequota.Register(plugins)
}

// registerPlain registers a plugin without settings. A configuration for it would be without effect, and is refused.
func registerPlain(plugins *admission.Plugins, name string, create func() admission.Interface) {
	plugins.Register(name, func(file io.Reader) (admission.Interface, error) {
		if file != nil {
			return nil, fmt.Errorf("the admission plugin %s takes no configuration", name)
		}
		return create(), nil
	})
}
