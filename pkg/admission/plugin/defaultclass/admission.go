// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package defaultclass holds the admission plugin DefaultEnvironmentClass, which names the default class in
// environments that name none, as DefaultStorageClass does in volume claims.
package defaultclass

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/warning"

	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// PluginName is the name of the plugin in flags.
const PluginName = "DefaultEnvironmentClass"

// Plugin names the default class.
type Plugin struct {
	*admission.Handler
	read lookup.Reader
}

// New returns a plugin that still wants a client.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create, admission.Update)}
}

// SetReader gives the plugin what it reads classes with.
func (p *Plugin) SetReader(reader lookup.Reader) { p.read = reader }

// ValidateInitialization tells whether the plugin has what it wants.
func (p *Plugin) ValidateInitialization() error {
	if p.read.Client == nil {
		return errors.New(PluginName + " lacks a client")
	}
	return nil
}

// Admit names the default class in an environment without a class. Without a default class the environment stays
// as it is and gets built-in defaults.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	environment, ok := a.GetObject().(*replay.Environment)
	if !ok || a.GetOperation() != admission.Create || a.GetSubresource() != "" || environment.Spec.ClassName != "" {
		return nil
	}
	class, err := p.read.DefaultClass(ctx)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if class != nil {
		environment.Spec.ClassName = class.Name
	}
	return nil
}

// Validate warns of a class that becomes a second default one. It refuses nothing: two are what one has for a moment when one
// takes the place of the other.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	class, ok := a.GetObject().(*replay.EnvironmentClass)
	if !ok || a.GetSubresource() != "" || !lookup.IsDefault(class) {
		return nil
	}
	if old, ok := a.GetOldObject().(*replay.EnvironmentClass); ok && lookup.IsDefault(old) {
		return nil
	}
	other, err := p.read.ExactDefaultClass(ctx)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if other != nil && other.Name != class.Name {
		warning.AddWarning(ctx, "", fmt.Sprintf("%s: EnvironmentClass %q is marked as the default, too; the newest of them is taken",
			field.NewPath("metadata", "annotations").Key(v1alpha1.AnnotationDefaultClass), other.Name))
	}
	return nil
}
