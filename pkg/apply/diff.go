// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/cmd/diff"
	"k8s.io/utils/exec"
)

// Diff writes how the objects differ from the cluster's, as kubectl diff --server-side does: by a dry run, with the program of
// KUBECTL_EXTERNAL_DIFF or diff -u -N, and with the values of Secrets masked. It says whether there is a difference.
func (c *Client) Diff(ctx context.Context, objects []*unstructured.Unstructured, streams genericiooptions.IOStreams) (bool, error) {
	differ, err := diff.NewDiffer("LIVE", "MERGED")
	if err != nil {
		return false, fmt.Errorf("making directories to compare: %w", err)
	}
	defer differ.TearDown()
	for _, object := range objects {
		versions, err := c.compare(ctx, object)
		if err != nil {
			return false, err
		}
		if err := differ.Diff(versions, diff.Printer{}, false, false); err != nil {
			return false, fmt.Errorf("%s: comparing it: %w", Name(object), err)
		}
	}
	err = differ.Run(&diff.DiffProgram{Exec: exec.New(), IOStreams: streams})
	var exit exec.ExitError
	if errors.As(err, &exit) && exit.ExitStatus() == 1 {
		return true, nil
	}
	return false, err
}

// versions are an object as it is, nil if it is not, and as it would be.
type versions struct {
	name         string
	live, merged *unstructured.Unstructured
}

func (v versions) Name() string { return v.name }

func (v versions) Live() runtime.Object {
	if v.live == nil {
		return nil // a nil of the interface, not of the pointer
	}
	return v.live
}

func (v versions) Merged() (runtime.Object, error) { return v.merged, nil }

// compare asks the cluster what an object would be. A dry run does not find what would come before the object, its namespace or the
// role that it binds: then the object is compared as it was given.
func (c *Client) compare(ctx context.Context, object *unstructured.Unstructured) (versions, error) {
	resource, err := c.resource(object)
	if err != nil {
		return versions{}, err
	}
	live, err := resource.Get(ctx, object.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		live = nil
	} else if err != nil {
		return versions{}, fmt.Errorf("%s: reading it: %w", Name(object), err)
	}
	options := metav1.ApplyOptions{FieldManager: FieldManager, Force: true, DryRun: []string{metav1.DryRunAll}}
	merged, err := resource.Apply(ctx, object.GetName(), object, options)
	if apierrors.IsNotFound(err) && live == nil {
		merged, err = object.DeepCopy(), nil
		unstructured.RemoveNestedField(merged.Object, "stringData") // the server would have made data of it, which is masked
	}
	if err != nil {
		return versions{}, fmt.Errorf("%s: applying it in a dry run: %w", Name(object), err)
	}
	return versions{name: fileName(object), live: live, merged: merged}, nil
}

// Plan returns what Apply would do with each object. It changes nothing; what the caller may not do is an error already.
func (c *Client) Plan(ctx context.Context, objects []*unstructured.Unstructured) ([]Outcome, error) {
	plan := make([]Outcome, len(objects))
	for i, object := range objects {
		found, err := c.compare(ctx, object)
		if err != nil {
			return nil, err
		}
		plan[i] = found.outcome()
	}
	return plan, nil
}

func (v versions) outcome() Outcome {
	if v.live == nil {
		return Created
	}
	live, merged := v.live.DeepCopy(), v.merged.DeepCopy()
	live.SetManagedFields(nil)
	merged.SetManagedFields(nil)
	if equality.Semantic.DeepEqual(live.Object, merged.Object) {
		return Unchanged
	}
	return Configured
}

// fileName is the one that kubectl diff gives an object: apps.v1.Deployment.restage-system.restage-controller.
func fileName(object *unstructured.Unstructured) string {
	kind := object.GroupVersionKind()
	name := strings.Join([]string{kind.Version, kind.Kind, object.GetNamespace(), object.GetName()}, ".")
	if kind.Group != "" {
		name = kind.Group + "." + name
	}
	return strings.ReplaceAll(name, ":", "%3A") // names of RBAC may have what file systems do not
}
