// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package workload compiles the pod template that a workload has in an environment. Plugins share it, so that what is
// checked when a replay is made is what is compiled when its environment is made.
package workload

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/warning"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/inplace"
	"github.com/restage-dev/restage/pkg/workload"
)

// Place is the environment that a workload is compiled for.
type Place struct {
	Namespace   string
	Environment string
	// Class holds resources and the like; nil stands for built-in defaults.
	Class *v1alpha1.EnvironmentClass
	// ProxyImage is the image of the proxy.
	ProxyImage string
	// ImagePullSecrets are names of Secrets that the pods pull images with besides their own.
	ImagePullSecrets []string
}

// Compile returns the pod template that runs in the environment, and puts names into container overrides that lack them. The
// error list says what is wrong with the workload or with what is asked for.
func (s Source) Compile(ctx context.Context, place Place, wanted *replay.EnvironmentWorkload, path *field.Path) (*corev1.PodTemplateSpec, field.ErrorList, error) {
	found, errs, err := s.Find(ctx, place.Namespace, wanted.Ref, path.Child("ref"))
	if err != nil || len(errs) > 0 {
		return nil, errs, err
	}
	deployment, isDeployment := found.Object.(*appsv1.Deployment)
	if wanted.Strategy == replay.StrategyInPlace {
		why, err := s.refuseInPlace(found.Kind.Kind, isDeployment)
		if err != nil {
			return nil, nil, err
		}
		if why != "" {
			return nil, field.ErrorList{field.Invalid(path.Child("strategy"), wanted.Strategy, why+"; use Clone")}, nil
		}
	}
	live := found.Template.DeepCopy()
	if errs := override(&live.Spec, wanted.Containers, path.Child("containers")); len(errs) > 0 {
		return nil, errs, nil
	}
	explicit, err := s.interception(ctx, place)
	if err != nil {
		return nil, nil, err
	}
	swapped, errs := swapPorts(&live.Spec, wanted.Containers, explicit, path.Child("containers"))
	if len(errs) > 0 {
		return nil, errs, nil
	}
	refused := func(why error) field.ErrorList {
		return field.ErrorList{field.Invalid(path.Child("ref", "name"), wanted.Ref.Name, "the "+found.Kind.Kind+" cannot be isolated: "+why.Error())}
	}
	if wanted.Volumes != replay.VolumesEphemeral {
		if err := refuseClaims(found.Claims); err != nil {
			return nil, refused(err), nil
		}
	} else if err := s.replaceClaims(ctx, place.Namespace, &live.Spec, found.Claims); err != nil {
		return nil, nil, err
	}
	identify(&live.Spec, found)
	opts := options(place, wanted.Name)
	opts.Path, opts.Explicit, opts.PortSwaps = found.PodSpecPath(), explicit, swapped
	if opts.ImagePullSecrets, err = s.pullSecrets(ctx, place, *live); err != nil {
		return nil, nil, err
	}
	isolate := injection.Isolate
	if wanted.Strategy == replay.StrategyInPlace {
		isolate = injection.InPlace
	}
	template, err := isolate(*live, opts)
	if err != nil {
		return nil, refused(err), nil
	}
	if wanted.Strategy == replay.StrategyInPlace {
		return &template, nil, markInPlace(ctx, &template, deployment, path.Child("strategy"))
	}
	return &template, nil, nil
}

// refuseInPlace returns why a live workload of a kind cannot be changed; empty when it can.
func (s Source) refuseInPlace(kind string, isDeployment bool) (string, error) {
	if !isDeployment {
		return "only Deployments can be changed in place, and this is a " + kind, nil
	}
	served, err := workload.HasPolicies(s.Client.Discovery())
	if err != nil || served {
		return "", err
	}
	return workload.NoPolicies, nil
}

// markInPlace notes from which template another was compiled, so that no change of the workload that comes between is overwritten, and warns
// of what would undo the change.
func markInPlace(ctx context.Context, template *corev1.PodTemplateSpec, live *appsv1.Deployment, path *field.Path) error {
	base, err := inplace.Hash(&live.Spec.Template)
	if err != nil {
		return err
	}
	if template.Annotations == nil {
		template.Annotations = map[string]string{}
	}
	template.Annotations[v1alpha1.AnnotationInPlaceBase] = base
	if keeper := inplace.Keeper(live); keeper != "" {
		warning.AddWarning(ctx, "", fmt.Sprintf("%s: Deployment %q is kept by %s, which may undo the change while the replay runs, and the replay then fails; pause it before, or use Clone",
			path, live.Name, keeper))
	}
	return nil
}

// identify gives the copy the host name that the first pod of the workload has, where pods have names of their own.
func identify(spec *corev1.PodSpec, live *workload.Workload) {
	if live.Hostname == "" || len(live.Hostname) > validation.DNS1123LabelMaxLength {
		return
	}
	spec.Hostname, spec.Subdomain = live.Hostname, live.Subdomain
}

func options(place Place, workload string) injection.IsolateOptions {
	opts := injection.IsolateOptions{
		Environment: place.Environment, Workload: workload, Namespace: place.Namespace,
		Image: place.ProxyImage, ImagePullPolicy: corev1.PullIfNotPresent,
	}
	if place.Class != nil {
		opts.ImagePullPolicy = place.Class.Spec.ImagePullPolicy
		opts.Resources = place.Class.Spec.ProxyResources
		opts.NodeSelector = place.Class.Spec.NodeSelector
	}
	return opts
}

// override changes containers of the template as asked for.
func override(spec *corev1.PodSpec, overrides []replay.ContainerOverride, path *field.Path) (errs field.ErrorList) {
	for i := range overrides {
		wanted, at := &overrides[i], path.Index(i)
		if wanted.Name == "" && len(spec.Containers) == 1 {
			wanted.Name = spec.Containers[0].Name
		}
		container, names := findContainer(spec, wanted.Name)
		switch {
		case container != nil:
			apply(container, wanted)
		case wanted.Name == "":
			errs = append(errs, field.Required(at.Child("name"), "the workload has several containers: "+strings.Join(names, ", ")))
		default:
			errs = append(errs, field.NotSupported(at.Child("name"), wanted.Name, names))
		}
	}
	return errs
}

// findContainer returns the container of that name, and the names of all.
func findContainer(spec *corev1.PodSpec, name string) (found *corev1.Container, names []string) {
	for _, list := range [][]corev1.Container{spec.Containers, spec.InitContainers} {
		for i := range list {
			if injection.IsOurContainer(list[i].Name) {
				continue
			}
			names = append(names, list[i].Name)
			if list[i].Name == name {
				found = &list[i]
			}
		}
	}
	return found, names
}

func apply(container *corev1.Container, wanted *replay.ContainerOverride) {
	if wanted.Image != "" {
		container.Image = wanted.Image
	}
	for _, variable := range wanted.Env {
		same := func(other corev1.EnvVar) bool { return other.Name == variable.Name }
		if i := slices.IndexFunc(container.Env, same); i >= 0 {
			container.Env[i] = variable
		} else {
			container.Env = append(container.Env, variable)
		}
	}
}
