// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package watchednamespaces holds the admission plugin WatchedNamespaces, which refuses objects where the controller does not work: in an
// installation for named namespaces they would wait for ever.
package watchednamespaces

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/admission"
)

// PluginName is the name of the plugin in flags.
const PluginName = "WatchedNamespaces"

// Plugin refuses new objects in namespaces that are not watched. What is there already can be changed and deleted.
type Plugin struct {
	*admission.Handler
	namespaces []string
	told       bool
}

// New returns a plugin that still wants to know the namespaces.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create)}
}

// SetNamespaces names the namespaces that are watched; none means all.
func (p *Plugin) SetNamespaces(names []string) { p.namespaces, p.told = names, true }

// ValidateInitialization tells whether the plugin has what it wants.
func (p *Plugin) ValidateInitialization() error {
	if !p.told {
		return errors.New(PluginName + " does not know which namespaces are watched")
	}
	return nil
}

// Admit refuses and changes nothing. It is no validation, because plugins that change objects would read workloads before.
func (p *Plugin) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if len(p.namespaces) == 0 || a.GetNamespace() == "" || slices.Contains(p.namespaces, a.GetNamespace()) {
		return nil
	}
	return admission.NewForbidden(a, fmt.Errorf("this installation of Restage works in other namespaces only: %s", strings.Join(p.namespaces, ", ")))
}
