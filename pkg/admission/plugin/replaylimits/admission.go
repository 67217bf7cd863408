// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package replaylimits holds the admission plugin ReplayLimits, which refuses replays and environments that ask for more than their
// class, or where that is silent the configuration of the plugin, allows.
package replaylimits

import (
	"context"
	"errors"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/admission"

	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/memo"
	configv1alpha1 "github.com/restage-dev/restage/pkg/admission/plugin/replaylimits/config/v1alpha1"
	"github.com/restage-dev/restage/pkg/admission/refusal"
	"github.com/restage-dev/restage/pkg/apis/replay"
)

// PluginName is the name of the plugin in flags.
const PluginName = "ReplayLimits"

var specPath = field.NewPath("spec")

// Plugin enforces limits.
type Plugin struct {
	*admission.Handler
	config *configv1alpha1.Configuration
	read   lookup.Reader
	taken  places
}

// New returns a plugin with the configuration in the file, which may be nil, that still wants a client.
func New(file io.Reader) (*Plugin, error) {
	config, err := loadConfiguration(file)
	if err != nil {
		return nil, err
	}
	return &Plugin{Handler: admission.NewHandler(admission.Create), config: config}, nil
}

// SetReader gives the plugin what it reads the objects of this server with.
func (p *Plugin) SetReader(reader lookup.Reader) { p.read = reader }

// ValidateInitialization tells whether the plugin has what it wants.
func (p *Plugin) ValidateInitialization() error {
	if p.read.Client == nil {
		return errors.New(PluginName + " lacks a client")
	}
	return nil
}

// Validate refuses what exceeds a limit, and names every limit that is exceeded. What an object refers to and is not there
// is the matter of ReferenceValidation, which runs before.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetSubresource() != "" {
		return nil
	}
	return memo.Confirm(ctx, func(ctx context.Context) error { return p.validate(ctx, a) })
}

func (p *Plugin) validate(ctx context.Context, a admission.Attributes) error {
	var exceeded []refusal.Cause
	var err error
	switch object := a.GetObject().(type) {
	case *replay.Environment:
		exceeded, err = p.environment(ctx, object)
	case *replay.TrafficReplay:
		exceeded, err = p.replay(ctx, object, a.IsDryRun())
	}
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if len(exceeded) > 0 {
		return refusal.Forbidden(a, exceeded)
	}
	return nil
}

func (p *Plugin) environment(ctx context.Context, e *replay.Environment) ([]refusal.Cause, error) {
	class, _, err := p.read.Class(ctx, e.Spec.ClassName, specPath.Child("className"))
	if err != nil {
		return nil, err
	}
	return p.limits(class).workloads(len(e.Spec.Workloads)), nil
}

// replay checks first what the replay asks for, then whether there is a place for it.
func (p *Plugin) replay(ctx context.Context, r *replay.TrafficReplay, dryRun bool) ([]refusal.Cause, error) {
	class, _, err := p.read.ReplayClass(ctx, r)
	if err != nil {
		return nil, err
	}
	profile, _, err := p.read.Profile(ctx, r.Namespace, r.Spec.ProfileName)
	if err != nil {
		return nil, err
	}
	limits := p.limits(class)
	exceeded := limits.timeout(r.Spec.Timeout)
	exceeded = append(exceeded, limits.speed(lookup.Speed(r, profile))...)
	exceeded = append(exceeded, limits.workloads(len(r.Spec.Workloads))...)
	concurrent := limits.concurrent()
	if len(exceeded) > 0 || concurrent == nil {
		return exceeded, nil
	}
	return p.place(ctx, r, concurrent, dryRun)
}
