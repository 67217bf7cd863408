// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package defaultclass holds the admission plugin DefaultEnvironmentClass, which names the default class in
// environments that name none, as DefaultStorageClass does in volume claims.
package defaultclass

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
)

// PluginName is the name of the plugin in flags.
const PluginName = "DefaultEnvironmentClass"

// Register makes the plugin known.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin names the default class.
type Plugin struct {
	*admission.Handler
	client versioned.Interface
}

// New returns a plugin that still wants a client.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create)}
}

// SetReplayClient gives the plugin what it reads classes with.
func (p *Plugin) SetReplayClient(client versioned.Interface) { p.client = client }

// ValidateInitialization tells whether the plugin has what it wants.
func (p *Plugin) ValidateInitialization() error {
	if p.client == nil {
		return errors.New(PluginName + " lacks a client")
	}
	return nil
}

// Admit names the default class in an environment without a class. Without a default class the environment stays
// as it is and gets built-in defaults.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	environment, ok := a.GetObject().(*replay.Environment)
	if !ok || a.GetSubresource() != "" || environment.Spec.ClassName != "" {
		return nil
	}
	class, err := Find(ctx, p.client)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if class != nil {
		environment.Spec.ClassName = class.Name
	}
	return nil
}

// Find returns the default class, the newest when there are several, nil when there is none.
func Find(ctx context.Context, client versioned.Interface) (*v1alpha1.EnvironmentClass, error) {
	list, err := client.ReplayV1alpha1().EnvironmentClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing EnvironmentClasses: %w", err)
	}
	defaults := slices.DeleteFunc(list.Items, func(class v1alpha1.EnvironmentClass) bool {
		return class.Annotations[v1alpha1.AnnotationDefaultClass] != "true"
	})
	if len(defaults) == 0 {
		return nil, nil
	}
	newest := slices.MinFunc(defaults, func(a, b v1alpha1.EnvironmentClass) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return &newest, nil
}
