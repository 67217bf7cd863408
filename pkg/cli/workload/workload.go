// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package workload reads references to workloads as users of kubectl write them.
package workload

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/validation"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Kind of the workloads that can be recorded and copied.
const Kind = "Deployment"

// Resource is how this plugin writes workloads, as kubectl does with -o name.
const Resource = "deployment.apps"

// resources are the names of the kind that kubectl knows.
var resources = []string{"deploy", "deployment", "deployments", "deployment.apps", "deployments.apps", "deployment.v1.apps", "deployments.v1.apps"}

// Parse reads deploy/NAME, in any of the forms in which kubectl takes the kind. A name alone is a Deployment.
func Parse(text string) (v1alpha1.WorkloadReference, error) {
	resource, name, qualified := strings.Cut(text, "/")
	if !qualified {
		resource, name = Resource, text
	}
	if !slices.Contains(resources, strings.ToLower(resource)) {
		return v1alpha1.WorkloadReference{}, fmt.Errorf("%q: %q is not a kind of workload that Restage knows; write deploy/NAME", text, resource)
	}
	if problems := validation.NameIsDNSSubdomain(name, false); len(problems) > 0 {
		return v1alpha1.WorkloadReference{}, fmt.Errorf("%q: %q is not the name of a workload: %s", text, name, strings.Join(problems, "; "))
	}
	return v1alpha1.WorkloadReference{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: Kind, Name: name}, nil
}

// String writes a reference as kubectl prints names.
func String(ref v1alpha1.WorkloadReference) string { return Resource + "/" + ref.Name }
