// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package workload reads references to workloads as users of kubectl write them.
package workload

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Kind is what kubectl calls one kind of workloads.
type Kind struct {
	// Name of the kind, and its resource as kubectl writes it with -o name.
	Name, Resource string
	// Short is the shortest name of the resource.
	Short string
	// others are the names besides these and the plural.
	others []string
}

// Kinds are Kubernetes' own, in the order in which they are offered.
var Kinds = []Kind{
	{"Deployment", "deployment.apps", "deploy", []string{"deployment.v1.apps", "deployments.v1.apps"}},
	{"StatefulSet", "statefulset.apps", "sts", nil},
	{"DaemonSet", "daemonset.apps", "ds", nil},
	{"ReplicaSet", "replicaset.apps", "rs", nil},
	{"CronJob", "cronjob.batch", "cj", nil},
	{"Job", "job.batch", "job", nil},
	{"Pod", "pod", "po", nil},
	{v1alpha1.KindService, "service", "svc", nil},
}

// Plural is the resource of the kind in the API.
func (k Kind) Plural() string {
	singular, _, _ := strings.Cut(k.Resource, ".")
	return singular + "s"
}

// Is tells whether a word, in lower case, names the kind.
func (k Kind) Is(resource string) bool {
	singular, group, grouped := strings.Cut(k.Resource, ".")
	names := append([]string{k.Resource, singular, k.Plural(), k.Short}, k.others...)
	if grouped {
		names = append(names, k.Plural()+"."+group)
	}
	return slices.Contains(names, resource)
}

// Mapper finds the kind of a resource that is not Kubernetes' own.
type Mapper func() (meta.RESTMapper, error)

// Parse reads deploy/NAME and the like, in any of the forms in which kubectl takes the kind. A name alone is a Deployment. Resources
// that are not Kubernetes' own, such as rollouts.argoproj.io/NAME, are looked up by the mapper.
func Parse(text string, mapper Mapper) (v1alpha1.WorkloadReference, error) {
	resource, name, qualified := strings.Cut(text, "/")
	if !qualified {
		resource, name = Kinds[0].Resource, text
	}
	ref, err := kindOf(strings.ToLower(resource), mapper)
	if err != nil {
		return v1alpha1.WorkloadReference{}, fmt.Errorf("%q: %w", text, err)
	}
	if problems := validation.NameIsDNSSubdomain(name, false); len(problems) > 0 {
		return v1alpha1.WorkloadReference{}, fmt.Errorf("%q: %q is not the name of a workload: %s", text, name, strings.Join(problems, "; "))
	}
	ref.Name = name
	return ref, nil
}

func kindOf(resource string, mapper Mapper) (ref v1alpha1.WorkloadReference, err error) {
	for _, kind := range Kinds {
		if kind.Is(resource) {
			return v1alpha1.WorkloadReference{APIVersion: v1alpha1.WorkloadAPIVersion(kind.Name), Kind: kind.Name}, nil
		}
	}
	asked, group := schema.ParseResourceArg(resource)
	if mapper == nil || group.Group == "" && asked == nil {
		return ref, fmt.Errorf("%q is not a kind of workload that Restage knows; write %s/NAME, or RESOURCE.GROUP/NAME for a kind that has a pod template "+
			"at spec.template", resource, strings.Join(shorts(), "/NAME, "))
	}
	known, err := mapper()
	if err != nil {
		return ref, err
	}
	gvk, err := known.KindFor(group.WithVersion(""))
	if err != nil && asked != nil {
		gvk, err = known.KindFor(*asked)
	}
	if err != nil {
		return ref, fmt.Errorf("%q: %w", resource, err)
	}
	return v1alpha1.WorkloadReference{APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind}, nil
}

func shorts() []string {
	names := make([]string, len(Kinds))
	for i, kind := range Kinds {
		names[i] = kind.Short
	}
	return names
}

// String writes a reference as kubectl prints names.
func String(ref v1alpha1.WorkloadReference) string {
	for _, kind := range Kinds {
		if kind.Name == ref.Kind || ref.Kind == "" && kind.Name == v1alpha1.DefaultWorkloadKind {
			return kind.Resource + "/" + ref.Name
		}
	}
	group, _, _ := strings.Cut(ref.APIVersion, "/")
	return strings.ToLower(ref.Kind) + "." + group + "/" + ref.Name
}
