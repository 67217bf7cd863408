// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package workloadaccess holds the admission plugin WorkloadAccess, which asks the cluster whether the caller may do himself
// what Restage does on his behalf. Without it everybody who may create a replay could run pods, read Secrets and change
// workloads with the rights of Restage, which are those of the whole cluster.
//
// restage-controller is asked like anybody else when it makes the environment of a replay: no identity is let through by its
// name. Its role holds what it hands on, and the user has been asked when the replay was made.
package workloadaccess

import (
	"context"
	"errors"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/memo"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
)

// PluginName is the name of the plugin in flags.
const PluginName = "WorkloadAccess"

// Plugin checks what callers may do.
type Plugin struct {
	*admission.Handler
	authorizer authorizer.UnconditionalAuthorizer
	read       lookup.Reader
	workloads  workload.Source
	image      string
	injection  string
}

// New returns a plugin that still wants an authorizer, clients and the image of the proxy.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create, admission.Update)}
}

// SetUnconditionalAuthorizer gives the plugin what it asks: the authorizer of this server, which hands questions on to the host and
// remembers the answers for some seconds.
func (p *Plugin) SetUnconditionalAuthorizer(a authorizer.UnconditionalAuthorizer) { p.authorizer = a }

// SetReader gives the plugin what it reads snapshots and classes with.
func (p *Plugin) SetReader(reader lookup.Reader) { p.read = reader }

// SetWorkloads gives the plugin what it reads workloads with.
func (p *Plugin) SetWorkloads(source workload.Source) { p.workloads = source }

// SetProxyImage gives the plugin the image that templates are compiled with, as a trial.
func (p *Plugin) SetProxyImage(image string) { p.image = image }

// SetInjection tells the plugin how recording proxies get into pods.
func (p *Plugin) SetInjection(injection string) { p.injection = injection }

// ValidateInitialization tells whether the plugin has what it wants.
func (p *Plugin) ValidateInitialization() error {
	if p.authorizer == nil || p.read.Client == nil || p.workloads.Client == nil || p.image == "" {
		return errors.New(PluginName + " lacks the authorizer, a client or the image of the proxy")
	}
	return nil
}

// Admit changes nothing. It runs before SidecarInjection reads workloads on behalf of the caller, and refuses what he may not
// read himself: errors and dry runs of later plugins would tell him of it.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !concerns(a) {
		return nil
	}
	needs, err := p.stated(ctx, a.GetObject(), a.GetNamespace())
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	missing, err := p.missing(ctx, a.GetUserInfo(), needs)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	if slices.ContainsFunc(missing, need.reads) {
		return forbidden(a, missing)
	}
	return nil
}

// Validate refuses what the caller may not do himself, all of it at once. Only Secrets that are named by a workload which the caller
// may not read are not listed.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !concerns(a) {
		return nil
	}
	return memo.Confirm(ctx, func(ctx context.Context) error {
		missing, err := p.check(ctx, a)
		if err != nil {
			return apierrors.NewInternalError(err)
		}
		if len(missing) > 0 {
			return forbidden(a, missing)
		}
		return nil
	})
}

func (p *Plugin) check(ctx context.Context, a admission.Attributes) ([]need, error) {
	needs, err := p.stated(ctx, a.GetObject(), a.GetNamespace())
	if err != nil {
		return nil, err
	}
	learned, copies, err := p.learned(ctx, a.GetObject(), a.GetNamespace())
	if err != nil {
		return nil, err
	}
	missing, err := p.missing(ctx, a.GetUserInfo(), append(needs, learned...))
	if err != nil || slices.ContainsFunc(missing, need.reads) {
		return missing, err
	}
	secrets, err := p.secrets(ctx, a.GetNamespace(), copies)
	if err != nil {
		return nil, err
	}
	more, err := p.missing(ctx, a.GetUserInfo(), secrets)
	return append(missing, more...), err
}

// concerns tells whether a request asks Restage to act. Of updates that is only a changed capture: the other specs cannot change.
// Deletion is not checked, so that it is never blocked: it takes away what Restage has added and nothing else.
func concerns(a admission.Attributes) bool {
	if a.GetSubresource() != "" {
		return false
	}
	if a.GetOperation() == admission.Create {
		return true
	}
	updated, ok := a.GetObject().(*replay.TrafficCapture)
	if !ok {
		return false
	}
	old, ok := a.GetOldObject().(*replay.TrafficCapture)
	return !ok || updated.Spec.WorkloadRef != old.Spec.WorkloadRef || !slices.Equal(updated.Spec.Ports, old.Spec.Ports) ||
		!equality.Semantic.DeepEqual(updated.Spec.TLS, old.Spec.TLS)
}
