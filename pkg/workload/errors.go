// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Labels of ClusterRoles with which an administrator lets Restage work with kinds of workloads that are not Kubernetes' own.
const (
	// LabelReader on a ClusterRole adds its rules, to get and list a kind, to those of both parts of Restage that read workloads.
	LabelReader = "rbac.restage.dev/aggregate-to-workload-reader"
	// LabelRecorder on a ClusterRole adds its rules, to get, list and patch a kind, to those of the part that puts recording proxies into workloads.
	LabelRecorder = "rbac.restage.dev/aggregate-to-workload-recorder"
)

// Roles that gather the rules of ClusterRoles with these labels.
const (
	ReaderRole   = "restage-workload-reader"
	RecorderRole = "restage-workload-recorder"
)

// UnknownKindError says that the cluster has no such kind.
type UnknownKindError struct {
	Kind schema.GroupVersionKind
}

func (e *UnknownKindError) Error() string {
	return fmt.Sprintf("the cluster has no kind %s in %s with objects in namespaces", e.Kind.Kind, e.Kind.GroupVersion())
}

// NoTemplateError says that an object has no pods of its own.
type NoTemplateError struct {
	Kind, Name string
}

func (e *NoTemplateError) Error() string {
	return fmt.Sprintf("%s %q has no pod template at spec.template", e.Kind, e.Name)
}

// RightError says which right Restage lacks to work with a kind that is not Kubernetes' own.
type RightError struct {
	Verb     string
	Resource schema.GroupVersionResource
	error
}

func (e *RightError) Error() string {
	label, verbs := LabelReader, "get, list"
	if e.Verb == "patch" {
		label, verbs = LabelRecorder, "get, list, patch"
	}
	return fmt.Sprintf("Restage may not %s %s; an administrator lets it, by a ClusterRole with the label %s: \"true\" and the rule {apiGroups: [%s], resources: [%s], verbs: [%s]}",
		e.Verb, e.Resource.GroupResource(), label, e.Resource.Group, e.Resource.Resource, verbs)
}

// Unwrap returns the error of the API.
func (e *RightError) Unwrap() error { return e.error }

func rightError(err error, verb string, resource schema.GroupVersionResource) error {
	if apierrors.IsForbidden(err) {
		return &RightError{verb, resource, err}
	}
	return err
}
