// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/admission"
)

// dependence is a feature of ours that watches resources of the host. When it is on and cannot watch them, writes are
// refused for ever, or an informer complains for ever: so it goes off when the host lacks them or we may not watch them.
type dependence struct {
	feature   string
	version   schema.GroupVersion
	resources []string
}

const (
	priorityAndFairness = "priority and fairness"
	cachedWorkloads     = "reading workloads from a cache"
)

var dependences = []dependence{
	{
		feature:   admission.MutatingAdmissionPolicy,
		version:   schema.GroupVersion{Group: "admissionregistration.k8s.io", Version: "v1"},
		resources: []string{"mutatingadmissionpolicies", "mutatingadmissionpolicybindings"},
	},
	{
		feature:   admission.ValidatingAdmissionPolicy,
		version:   schema.GroupVersion{Group: "admissionregistration.k8s.io", Version: "v1"},
		resources: []string{"validatingadmissionpolicies", "validatingadmissionpolicybindings"},
	},
	{
		feature:   priorityAndFairness,
		version:   schema.GroupVersion{Group: "flowcontrol.apiserver.k8s.io", Version: "v1"},
		resources: []string{"flowschemas", "prioritylevelconfigurations"},
	},
	{
		feature:   cachedWorkloads,
		version:   schema.GroupVersion{Group: "apps", Version: "v1"},
		resources: []string{"deployments"},
	},
}

// absentFeatures returns which features the host does not allow, and logs why.
func absentFeatures(ctx context.Context, host kubernetes.Interface) (sets.Set[string], error) {
	absent := sets.New[string]()
	for _, d := range dependences {
		reason, err := d.obstacle(ctx, host)
		if err != nil {
			return nil, fmt.Errorf("probing the host for %s: %w", d.feature, err)
		}
		if reason != "" {
			absent.Insert(d.feature)
			klog.FromContext(ctx).Info("Switched off what the host does not allow", "feature", d.feature, "reason", reason)
		}
	}
	return absent, nil
}

// obstacle returns why the feature cannot work, "" when it can.
func (d dependence) obstacle(ctx context.Context, host kubernetes.Interface) (string, error) {
	list, err := host.Discovery().ServerResourcesForGroupVersion(d.version.String())
	if err != nil && !apierrors.IsNotFound(err) {
		return "", err
	}
	served := sets.New[string]()
	if list != nil {
		for _, resource := range list.APIResources {
			served.Insert(resource.Name)
		}
	}
	for _, resource := range d.resources {
		if !served.Has(resource) {
			return fmt.Sprintf("the host does not serve %s of %s", resource, d.version), nil
		}
		for _, verb := range []string{"list", "watch"} {
			allowed, err := d.allowed(ctx, host, resource, verb)
			if err != nil {
				return "", err
			}
			if !allowed {
				return fmt.Sprintf("this server may not %s %s", verb, resource), nil
			}
		}
	}
	return "", nil
}

func (d dependence) allowed(ctx context.Context, host kubernetes.Interface, resource, verb string) (bool, error) {
	review, err := host.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: d.version.Group, Version: d.version.Version, Resource: resource, Verb: verb,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}
