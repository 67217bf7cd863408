// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package sidecarinjection holds the admission plugin SidecarInjection, which compiles the exact pod templates that will
// run into an Environment, so that a server-side dry run shows them.
package sidecarinjection

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/storage/names"

	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apis/replay/validation"
)

// PluginName is the name of the plugin in flags.
const PluginName = "SidecarInjection"

// Plugin compiles pod templates.
type Plugin struct {
	*admission.Handler
	read      lookup.Reader
	workloads workload.Source
	image     string
	// pullSecrets are names of Secrets that the pods of environments pull images with; may be empty.
	pullSecrets []string
}

// New returns a plugin that still wants clients and the image of the proxy.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create)}
}

// SetReader gives the plugin what it reads classes with: live, since they go into the templates that run.
func (p *Plugin) SetReader(reader lookup.Reader) { p.read = reader.Live() }

// SetWorkloads gives the plugin what it reads workloads with, live for the same reason.
func (p *Plugin) SetWorkloads(source workload.Source) { p.workloads = source.Live() }

// SetProxyImage gives the plugin the image that it adds.
func (p *Plugin) SetProxyImage(image string) { p.image = image }

// SetImagePullSecrets gives the plugin the Secrets that the image is pulled with.
func (p *Plugin) SetImagePullSecrets(names []string) { p.pullSecrets = names }

// ValidateInitialization tells whether the plugin has what it wants.
func (p *Plugin) ValidateInitialization() error {
	if p.read.Client == nil || p.workloads.Client == nil || p.image == "" {
		return errors.New(PluginName + " lacks a client or the image of the proxy")
	}
	return nil
}

// Admit writes the template of each workload; what the user wrote there is replaced. It may run more than once for one object.
func (p *Plugin) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	environment, ok := a.GetObject().(*replay.Environment)
	if !ok || a.GetSubresource() != "" {
		return nil
	}
	// Templates hold the environment's name, which the registry would generate only after admission.
	if environment.Name == "" && environment.GenerateName != "" {
		environment.Name = names.SimpleNameGenerator.GenerateName(environment.GenerateName)
	}
	class, errs, err := p.read.Class(ctx, environment.Spec.ClassName, field.NewPath("spec", "className"))
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	place := workload.Place{
		Namespace: a.GetNamespace(), Environment: environment.Name, Class: class, ProxyImage: p.image, ImagePullSecrets: p.pullSecrets,
	}
	for i := range environment.Spec.Workloads {
		wanted := &environment.Spec.Workloads[i]
		wanted.Template = nil
		path := field.NewPath("spec", "workloads").Index(i)
		if !lookup.IsName(wanted.Ref.Name) || len(validation.ValidateWorkloadReference(wanted.Ref, path.Child("ref"))) > 0 {
			continue // the validation that follows refuses it
		}
		template, problems, err := p.workloads.Compile(ctx, place, wanted, path)
		if err != nil {
			return apierrors.NewInternalError(err)
		}
		fillIn(template)
		wanted.Template = template
		errs = append(errs, problems...)
	}
	if len(errs) > 0 {
		return apierrors.NewInvalid(a.GetKind().GroupKind(), environment.Name, errs)
	}
	return nil
}

// fillIn gives a compiled template the defaults that it would get when it is read, so that what is read does not differ from
// what is stored and applying the manifest again changes nothing.
func fillIn(template *corev1.PodTemplateSpec) {
	v1alpha1.SetObjectDefaults_Environment(&v1alpha1.Environment{Spec: v1alpha1.EnvironmentSpec{
		Workloads: []v1alpha1.EnvironmentWorkload{{Template: template}},
	}})
}
