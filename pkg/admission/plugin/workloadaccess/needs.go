// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workloadaccess

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/validation"
	"github.com/restage-dev/restage/pkg/wiring"
)

var specPath = field.NewPath("spec")

// stated returns what an object needs as far as it says so itself.
func (p *Plugin) stated(ctx context.Context, object runtime.Object, namespace string) ([]need, error) {
	of := rights{namespace}
	switch o := object.(type) {
	case *replay.TrafficCapture:
		needs, err := p.recording(ctx, of, o.Spec.WorkloadRef, specPath.Child("workloadRef", "name"))
		return append(needs, certificates(of, o.Spec.TLS)...), err
	case *replay.TrafficSnapshot:
		// Its traffic is read through trafficsnapshots/records, which is a right of its own.
		return p.workload(ctx, of, "get", o.Spec.WorkloadRef, specPath.Child("workloadRef", "name"))
	case *replay.Environment:
		needs, err := p.running(ctx, of, o.Spec.Workloads)
		return append([]need{of.snapshot(o.Spec.SnapshotName)}, needs...), err
	case *replay.TrafficReplay:
		return p.statedByReplay(ctx, of, &o.Spec)
	}
	return nil, nil
}

// recording is what it takes to record a workload. A capture adds a container to the template: whoever may patch the workload could do the same.
// Where workloads are not changed it tells of one and no more, or it decides what opted-in pods consist of, which the right to create pods does, too.
func (p *Plugin) recording(ctx context.Context, of rights, ref replay.WorkloadReference, path *field.Path) ([]need, error) {
	verb := "patch"
	if p.injection == wiring.InjectionManual || wiring.AtCreation(p.injection) {
		verb = "get"
	}
	needs, err := p.workload(ctx, of, verb, ref, path)
	if wiring.AtCreation(p.injection) {
		needs = append(needs, of.pods(path))
	}
	return needs, err
}

// certificates asks for the Secrets that the proxy of a capture reads, as for those that a copy mounts.
func certificates(of rights, tls *replay.CaptureTLS) (needs []need) {
	if tls == nil {
		return nil
	}
	path := specPath.Child("tls")
	if name := tls.ClientCertificateSecretName; name != "" {
		needs = append(needs, of.secret(name, path.Child("clientCertificateSecretName")))
	}
	if name := tls.InboundSecretName; name != "" {
		needs = append(needs, of.secret(name, path.Child("inboundSecretName")))
	}
	return needs
}

func (p *Plugin) statedByReplay(ctx context.Context, of rights, spec *replay.TrafficReplaySpec) ([]need, error) {
	needs := []need{of.snapshot(spec.SnapshotName)}
	switch {
	case spec.Target != nil:
		// The recorded requests go to wherever the caller says, so he must be allowed to read them.
		return append(needs, of.records(spec.SnapshotName, specPath.Child("target", "url"))), nil
	case spec.Environment != nil && spec.Environment.Name != "":
		// The pods are there already, and whoever made them has been asked.
		return append(needs, of.environment(spec.Environment.Name, specPath.Child("environment", "name"))), nil
	}
	running, err := p.running(ctx, of, spec.Workloads)
	return append(needs, running...), err
}

// running is what running copies of workloads needs. What Restage makes is a Deployment or a Job with its own names and rules; what the
// caller gets is a pod that runs his image with the service account of the workload. In Kubernetes the right to that is
// "create pods": it comprises every service account of the namespace. "create deployments" leads to the same and is not asked for besides.
func (p *Plugin) running(ctx context.Context, of rights, workloads []replay.EnvironmentWorkload) ([]need, error) {
	needs := []need{of.pods(specPath.Child("workloads"))}
	for i, workload := range workloads {
		verb := "get"
		if workload.Strategy == replay.StrategyInPlace {
			verb = "patch" // the live workload itself is changed
		}
		more, err := p.workload(ctx, of, verb, workload.Ref, specPath.Child("workloads").Index(i).Child("ref", "name"))
		if err != nil {
			return nil, err
		}
		needs = append(needs, more...)
	}
	return needs, nil
}

// workload is the right to a workload, whatever its kind. A reference that validation refuses, and one to a kind that the cluster does not
// have, need none: nothing is read or done because of them.
func (p *Plugin) workload(ctx context.Context, of rights, verb string, ref replay.WorkloadReference, path *field.Path) ([]need, error) {
	if len(validation.ValidateWorkloadReference(ref, path)) > 0 {
		return nil, nil
	}
	resource, known, err := p.workloads.Resource(ctx, ref)
	if err != nil || !known {
		return nil, err
	}
	return []need{of.to(verb, resource, ref.Name, path)}, nil
}

// learned returns what an object needs according to what it refers to, and the copies that it asks for. What it refers to
// and is not there is the matter of ReferenceValidation.
func (p *Plugin) learned(ctx context.Context, object runtime.Object, namespace string) (needs []need, copies []lookup.Copy, err error) {
	of := rights{namespace}
	switch o := object.(type) {
	case *replay.Environment:
		for i, copied := range o.Spec.Workloads {
			copies = append(copies, lookup.Copy{Workload: copied, Path: specPath.Child("workloads").Index(i)})
		}
		needs, err = p.class(ctx, of, o.Spec.ClassName, specPath.Child("className"))
		return needs, copies, err
	case *replay.TrafficReplay:
		return p.learnedByReplay(ctx, of, o)
	}
	return nil, nil, nil
}

func (p *Plugin) learnedByReplay(ctx context.Context, of rights, r *replay.TrafficReplay) (needs []need, copies []lookup.Copy, err error) {
	if !lookup.MakesEnvironment(r) {
		return nil, nil, nil
	}
	copies = lookup.Copies(r, nil)
	if len(copies) == 0 {
		snapshot, _, err := p.read.Snapshot(ctx, of.namespace, r.Spec.SnapshotName)
		if err != nil {
			return nil, nil, err
		}
		for _, recorded := range lookup.Copies(r, snapshot) {
			more, err := p.workload(ctx, of, "get", recorded.Workload.Ref, specPath.Child("snapshotName"))
			if err != nil {
				return nil, nil, err
			}
			copies, needs = append(copies, recorded), append(needs, more...)
		}
	}
	if r.Spec.Environment == nil || r.Spec.Environment.Template == nil {
		return needs, copies, nil // the default class
	}
	more, err := p.class(ctx, of, r.Spec.Environment.Template.ClassName, specPath.Child("environment", "template", "className"))
	return append(needs, more...), copies, err
}

// class asks for the verb use, as Kubernetes has it for objects that are used and not changed. The default class is for everybody:
// it is what those get who name none, and marking it so is the platform team's grant.
func (p *Plugin) class(ctx context.Context, of rights, name string, path *field.Path) ([]need, error) {
	class, _, err := p.read.Class(ctx, name, path)
	if err != nil || class == nil || lookup.IsDefault(class) {
		return nil, err
	}
	return []need{of.class(name, path)}, nil
}

// secrets asks for the Secrets that the pods of the copies get to see, those of overrides included. Kubernetes lets everybody who may
// create pods mount any Secret of the namespace; we do not, because the caller need not know what a template names.
func (p *Plugin) secrets(ctx context.Context, namespace string, copies []lookup.Copy) (needs []need, err error) {
	of := rights{namespace}
	for _, wanted := range copies {
		template := wanted.Workload.Template // of an environment, where SidecarInjection has put it
		if template == nil {                 // of a replay, whose environment is made later
			// A template that cannot be compiled is the matter of ReferenceValidation.
			place := workload.Place{Namespace: namespace, ProxyImage: p.image}
			template, _, err = p.workloads.Compile(ctx, place, wanted.Workload.DeepCopy(), wanted.Path)
			if err != nil {
				return nil, err
			}
		}
		if template == nil {
			continue
		}
		for _, use := range workload.Secrets(template, wanted.Path.Child("template")) {
			needs = append(needs, of.secret(use.Name, use.Path))
		}
	}
	return needs, nil
}
