// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// reviewers is how many questions about rights are asked at once.
const reviewers = 8

// accountPermissions asks kube-apiserver whether each service account may do what the manifests let it do.
func accountPermissions(ctx context.Context, c *Cluster) ([]Finding, error) {
	grants, err := grantsOf(c.Manifests, func(kind, namespace, name string) ([]rbacv1.PolicyRule, error) {
		return c.builtinRole(ctx, kind, namespace, name)
	})
	if err != nil {
		return nil, err
	}
	var (
		mu      sync.Mutex
		missing []string
		asked   int
	)
	group, reviewing := errgroup.WithContext(ctx)
	group.SetLimit(reviewers)
	for _, g := range grants {
		for _, q := range questions(g) {
			asked++
			group.Go(func() error {
				review, err := c.Kube.AuthorizationV1().SubjectAccessReviews().Create(reviewing, q.review(), metav1.CreateOptions{})
				if err != nil {
					return fmt.Errorf("asking for the rights of service account %s: %w", g.account, err)
				}
				if !review.Status.Allowed {
					mu.Lock()
					defer mu.Unlock()
					missing = append(missing, q.String())
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.Sort(missing)
	return c.judgeMissing(slices.Compact(missing), asked), nil
}

func (c *Cluster) judgeMissing(missing []string, asked int) []Finding {
	const most = 8
	var findings []Finding
	for i, m := range missing {
		if i == most {
			findings = append(findings, failure(c.reinstall(), "%d more rights are missing", len(missing)-most))
			break
		}
		findings = append(findings, failure(c.reinstall(), "%s", m))
	}
	return orOK(findings, "all %d rights that the manifests give are there", asked)
}

// builtinRole reads a role that the cluster has by itself.
func (c *Cluster) builtinRole(ctx context.Context, kind, namespace, name string) ([]rbacv1.PolicyRule, error) {
	if kind == "Role" {
		role, err := c.Kube.RbacV1().Roles(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("reading Role %s/%s: %w", namespace, name, err)
		}
		return role.Rules, nil
	}
	role, err := c.Kube.RbacV1().ClusterRoles().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading ClusterRole %s: %w", name, err)
	}
	return role.Rules, nil
}

// question is whether a service account may do one thing.
type question struct {
	grant
	verb, group, resource, name, path string
}

// questions takes a rule apart.
func questions(g grant) []question {
	var all []question
	for _, verb := range g.rule.Verbs {
		for _, path := range g.rule.NonResourceURLs {
			all = append(all, question{grant: g, verb: verb, path: path})
		}
		for _, group := range g.rule.APIGroups {
			for _, resource := range g.rule.Resources {
				names := g.rule.ResourceNames
				if len(names) == 0 {
					names = []string{""}
				}
				for _, name := range names {
					all = append(all, question{grant: g, verb: verb, group: group, resource: resource, name: name})
				}
			}
		}
	}
	return all
}

func (q question) review() *authorizationv1.SubjectAccessReview {
	namespace, _, _ := strings.Cut(q.account, ":")
	spec := authorizationv1.SubjectAccessReviewSpec{
		User:   "system:serviceaccount:" + q.account,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
	if q.path != "" {
		spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: q.path, Verb: q.verb}
	} else {
		resource, subresource, _ := strings.Cut(q.resource, "/")
		spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Namespace: q.namespace, Verb: q.verb, Group: q.group, Resource: resource, Subresource: subresource, Name: q.name,
		}
	}
	return &authorizationv1.SubjectAccessReview{Spec: spec}
}

// String says that it may not, and which rule should have let it.
func (q question) String() string {
	what := q.path
	if what == "" {
		what = q.resource
		if q.group != "" {
			what += "." + q.group
		}
		if q.name != "" {
			what += " " + q.name
		}
	}
	where := ""
	if q.namespace != "" {
		where = " in namespace " + q.namespace
	}
	return fmt.Sprintf("service account %s may not %s %s%s, which %s gives", strings.Replace(q.account, ":", "/", 1), q.verb, what, where, q.role)
}
