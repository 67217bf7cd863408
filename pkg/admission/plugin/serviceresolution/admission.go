// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package serviceresolution holds the admission plugin ServiceResolution, which writes the workload that a Service selects in the place of a
// reference to the Service. So all that follows, and all that is stored, names a workload.
package serviceresolution

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/refusal"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	kinds "github.com/restage-dev/restage/pkg/workload"
)

// PluginName is the name of the plugin in flags.
const PluginName = "ServiceResolution"

// Plugin resolves references to Services.
type Plugin struct {
	*admission.Handler
	authorizer authorizer.UnconditionalAuthorizer
	workloads  workload.Source
}

// New returns a plugin that still wants an authorizer and a client.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create, admission.Update)}
}

// SetUnconditionalAuthorizer gives the plugin what it asks for the rights of callers.
func (p *Plugin) SetUnconditionalAuthorizer(a authorizer.UnconditionalAuthorizer) { p.authorizer = a }

// SetWorkloads gives the plugin what it reads workloads with.
func (p *Plugin) SetWorkloads(source workload.Source) { p.workloads = source }

// ValidateInitialization tells whether the plugin has what it wants.
func (p *Plugin) ValidateInitialization() error {
	if p.authorizer == nil || p.workloads.Client == nil {
		return errors.New(PluginName + " lacks the authorizer or a client")
	}
	return nil
}

// reference is one in the object, and the field that it lies in.
type reference struct {
	*replay.WorkloadReference
	path *field.Path
}

// Admit resolves every reference to a Service. On an update too: whoever applies a manifest again names the Service again.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetSubresource() != "" {
		return nil
	}
	var errs field.ErrorList
	for _, ref := range references(a) {
		if !kinds.IsService(v1alpha1.WorkloadReference(*ref.WorkloadReference)) || !lookup.IsName(ref.Name) {
			continue
		}
		if err := p.permitted(ctx, a, ref); err != nil {
			return err
		}
		problem, err := p.resolve(ctx, a.GetNamespace(), ref)
		if err != nil {
			return apierrors.NewInternalError(err)
		}
		if problem != nil {
			errs = append(errs, problem)
		}
	}
	if len(errs) > 0 {
		return apierrors.NewInvalid(a.GetKind().GroupKind(), a.GetName(), errs)
	}
	return nil
}

func references(a admission.Attributes) (refs []reference) {
	path := field.NewPath("spec")
	workloads := func(list []replay.EnvironmentWorkload, path *field.Path) {
		for i := range list {
			refs = append(refs, reference{&list[i].Ref, path.Index(i).Child("ref")})
		}
	}
	switch o := a.GetObject().(type) {
	case *replay.TrafficCapture:
		refs = []reference{{&o.Spec.WorkloadRef, path.Child("workloadRef")}}
	case *replay.TrafficSnapshot:
		refs = []reference{{&o.Spec.WorkloadRef, path.Child("workloadRef")}}
	case *replay.Environment:
		workloads(o.Spec.Workloads, path.Child("workloads"))
	case *replay.TrafficReplay:
		workloads(o.Spec.Workloads, path.Child("workloads"))
	}
	return refs
}

func (p *Plugin) resolve(ctx context.Context, namespace string, ref reference) (*field.Error, error) {
	client := kinds.Client{Kube: p.workloads.Client, Dynamic: p.workloads.Dynamic}
	found, err := client.Selected(ctx, namespace, ref.Name)
	var ambiguous *kinds.AmbiguousError
	switch {
	case apierrors.IsNotFound(err):
		return field.NotFound(ref.path.Child("name"), ref.Name), nil
	case errors.As(err, &ambiguous):
		return field.Invalid(ref.path.Child("name"), ref.Name, ambiguous.Error()), nil
	case err != nil:
		return nil, err
	}
	*ref.WorkloadReference = replay.WorkloadReference(found)
	return nil, nil
}

// permitted asks whether the caller may learn what a Service selects: to read it, and to list the pods, whose owners that tells. Rights to
// the workload itself are the matter of WorkloadAccess, which sees it in the place of the Service.
func (p *Plugin) permitted(ctx context.Context, a admission.Attributes, ref reference) error {
	caller, namespace := a.GetUserInfo(), a.GetNamespace()
	for _, wanted := range []authorizer.AttributesRecord{
		{Verb: "get", Resource: "services", Name: ref.Name},
		{Verb: "list", Resource: "pods"},
	} {
		wanted.User, wanted.Namespace, wanted.APIVersion, wanted.ResourceRequest = caller, namespace, "v1", true
		decision, _, err := p.authorizer.Authorize(ctx, wanted)
		if decision == authorizer.DecisionAllow {
			continue
		}
		if err != nil {
			return apierrors.NewInternalError(fmt.Errorf("asking whether the caller may %s %s: %w", wanted.Verb, wanted.Resource, err))
		}
		return refusal.Forbidden(a, []refusal.Cause{{Path: ref.path.Child("name"), Text: fmt.Sprintf(
			"user %q cannot %s resource %q in API group \"\" in the namespace %q, which a reference to a Service needs", nameOf(caller), wanted.Verb, wanted.Resource, namespace)}})
	}
	return nil
}

func nameOf(caller user.Info) string {
	if caller == nil {
		return ""
	}
	return caller.GetName()
}
