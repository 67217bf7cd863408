// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package referencevalidation holds the admission plugin ReferenceValidation, which refuses objects that refer to what
// does not exist, with the path of the field that does, and warns of what exists and will hardly do.
package referencevalidation

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/admission"

	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/memo"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
)

// PluginName is the name of the plugin in flags.
const PluginName = "ReferenceValidation"

var specPath = field.NewPath("spec")

// Plugin checks references at the creation of objects. What is deleted later is a matter of the controller.
type Plugin struct {
	*admission.Handler
	read      lookup.Reader
	workloads workload.Source
	image     string
}

// New returns a plugin that still wants clients and the image of the proxy.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create)}
}

// SetReader gives the plugin what it reads the objects of this server with.
func (p *Plugin) SetReader(reader lookup.Reader) { p.read = reader }

// SetWorkloads gives the plugin what it reads workloads with.
func (p *Plugin) SetWorkloads(source workload.Source) { p.workloads = source }

// SetProxyImage gives the plugin the image that templates are compiled with, as a trial.
func (p *Plugin) SetProxyImage(image string) { p.image = image }

// ValidateInitialization tells whether the plugin has what it wants.
func (p *Plugin) ValidateInitialization() error {
	if p.read.Client == nil || p.workloads.Client == nil || p.image == "" {
		return errors.New(PluginName + " lacks a client or the image of the proxy")
	}
	return nil
}

// Validate refuses dangling references.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetSubresource() != "" {
		return nil
	}
	return memo.Confirm(ctx, func(ctx context.Context) error { return p.validate(ctx, a) })
}

func (p *Plugin) validate(ctx context.Context, a admission.Attributes) error {
	var errs field.ErrorList
	var err error
	namespace := a.GetNamespace()
	switch object := a.GetObject().(type) {
	case *replay.TrafficCapture:
		errs, err = p.capture(ctx, namespace, object)
	case *replay.TrafficSnapshot:
		_, errs, err = p.workloads.Find(ctx, namespace, object.Spec.WorkloadRef, specPath.Child("workloadRef"))
	case *replay.Environment:
		errs, err = p.environment(ctx, namespace, object)
	case *replay.TrafficReplay:
		errs, err = p.replay(ctx, namespace, object)
	}
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if len(errs) > 0 {
		return apierrors.NewInvalid(a.GetKind().GroupKind(), a.GetName(), errs)
	}
	return nil
}

func (p *Plugin) capture(ctx context.Context, namespace string, c *replay.TrafficCapture) (field.ErrorList, error) {
	path := specPath.Child("workloadRef")
	found, errs, err := p.workloads.Find(ctx, namespace, c.Spec.WorkloadRef, path)
	if err != nil || len(errs) > 0 {
		return errs, err
	}
	if maker := found.Controlled(); maker != nil {
		return field.ErrorList{field.Invalid(path.Child("name"), found.GetName(),
			fmt.Sprintf("the %s is made by %s %q, which would undo any change of it; record that instead", found.Kind.Kind, maker.Kind, maker.Name))}, nil
	}
	warnOfPorts(ctx, c.Spec.Ports, found)
	return nil, nil
}

// environment checks the snapshot and what of it is asked for; SidecarInjection has checked class and workloads.
func (p *Plugin) environment(ctx context.Context, namespace string, e *replay.Environment) (field.ErrorList, error) {
	snapshot, errs, err := p.read.Snapshot(ctx, namespace, e.Spec.SnapshotName)
	if err != nil || len(errs) > 0 {
		return errs, err
	}
	warnOfSnapshot(ctx, snapshot, false)
	return checkSlices(e.Spec.Workloads, snapshot), nil
}
