// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/restmapper"
)

// installerPermissions asks whether the caller may make every kind of object that the manifests have.
func installerPermissions(ctx context.Context, c *Cluster) ([]Finding, error) {
	groups, err := restmapper.GetAPIGroupResources(c.Kube.Discovery())
	if err != nil {
		return nil, fmt.Errorf("reading the resources of the cluster: %w", err)
	}
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	var missing []string
	asked := map[authorizationv1.ResourceAttributes]bool{}
	ask := func(attributes authorizationv1.ResourceAttributes) error {
		if asked[attributes] {
			return nil
		}
		asked[attributes] = true
		review, err := c.Kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx,
			&authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &attributes}}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("asking for your own rights: %w", err)
		}
		if !review.Status.Allowed {
			missing = append(missing, describe(attributes))
		}
		return nil
	}
	for _, object := range c.Manifests {
		gvk := object.GroupVersionKind()
		if gvk.Group == monitoringGroup && !mapped(mapper, gvk) {
			continue // the check of monitoring has them
		}
		mapping, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
		if err != nil {
			missing = append(missing, fmt.Sprintf("the cluster has no %s of %s", gvk.Kind, gvk.GroupVersion()))
			continue
		}
		for _, verb := range verbsOf(gvk) {
			err := ask(authorizationv1.ResourceAttributes{
				Namespace: object.GetNamespace(), Verb: verb, Group: mapping.Resource.Group, Resource: mapping.Resource.Resource,
			})
			if err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	const fix = "Install as a cluster administrator: kubectl auth whoami; kubectl config use-context ADMIN"
	switch {
	case len(missing) == 0:
	case slices.ContainsFunc(missing, func(m string) bool { return !strings.HasPrefix(m, "escalate ") && !strings.HasPrefix(m, "bind ") }):
		return []Finding{failure(fix, "you may not install Restage: %s", strings.Join(missing, "; "))}, nil
	default:
		return []Finding{warning(fix, "you can give our service accounts only those rights that you hold yourself: you may not %s", strings.Join(missing, "; "))}, nil
	}
	return ok("you may make all %d objects of an installation in namespace %s", len(c.Manifests), c.home()), nil
}

func mapped(mapper meta.RESTMapper, gvk schema.GroupVersionKind) bool {
	_, err := mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	return err == nil
}

// verbsOf is what kubectl apply needs. Who gives rights must hold them, or may give any, which is what escalate and bind are for.
func verbsOf(gvk schema.GroupVersionKind) []string {
	verbs := []string{"get", "create", "patch"}
	if gvk.Group != "rbac.authorization.k8s.io" {
		return verbs
	}
	switch gvk.Kind {
	case "Role", "ClusterRole":
		return append(verbs, "escalate", "bind")
	}
	return verbs
}

func describe(a authorizationv1.ResourceAttributes) string {
	what := a.Resource
	if a.Group != "" {
		what += "." + a.Group
	}
	if a.Namespace != "" {
		what += " in namespace " + a.Namespace
	}
	return a.Verb + " " + what
}
