// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package permissions says what an installation may do on the cluster, to whom each right goes, and why: the reasons are the comments
// of the manifests, which are written nowhere else.
package permissions

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Rule is one rule of a role.
type Rule struct {
	APIGroups       []string `json:"apiGroups,omitempty" yaml:"apiGroups"`
	Resources       []string `json:"resources,omitempty" yaml:"resources"`
	ResourceNames   []string `json:"resourceNames,omitempty" yaml:"resourceNames"`
	NonResourceURLs []string `json:"nonResourceURLs,omitempty" yaml:"nonResourceURLs"`
	Verbs           []string `json:"verbs" yaml:"verbs"`
	// Why the rule is needed; empty where the reason for the role is that of the rule.
	Why string `json:"-" yaml:"-"`
}

// Grant is a role that is given to a part of Restage, or that is there for users to be bound to.
type Grant struct {
	// Account is the service account that has it; empty when nobody has it until it is bound.
	Account string
	// Namespace is where it holds; empty for the whole cluster.
	Namespace string
	Role      string
	Why       string
	// Rules of the role; none when the role is the cluster's own.
	Rules []Rule
}

// What is what a rule is about, as kubectl auth can-i --list names it: deployments.apps/status.
func (r Rule) What() string {
	what := slices.Clone(r.NonResourceURLs)
	for _, group := range r.APIGroups {
		for _, resource := range r.Resources {
			name, sub, _ := strings.Cut(resource, "/")
			if group != "" {
				name += "." + group
			}
			if sub != "" {
				name += "/" + sub
			}
			what = append(what, name)
		}
	}
	text := strings.Join(what, ", ")
	if len(r.ResourceNames) > 0 {
		text += " (only " + strings.Join(r.ResourceNames, ", ") + ")"
	}
	return text
}

// key tells rules of one role apart. Names of objects are not in it: they may be other ones in an installation.
func (r Rule) key() string {
	return fmt.Sprint(r.APIGroups, r.Resources, r.NonResourceURLs, r.Verbs, len(r.ResourceNames))
}

// Of returns the grants among the objects of an installation, in their order, with the reasons that stand in the manifests: first what
// Restage gets, then the roles for users.
func Of(objects []*unstructured.Unstructured, manifests fs.FS) ([]Grant, error) {
	reasons, err := readComments(manifests)
	if err != nil {
		return nil, fmt.Errorf("reading the manifests: %w", err)
	}
	roles, bindings, err := sorted(objects)
	if err != nil {
		return nil, err
	}
	var grants []Grant
	bound := map[object]bool{}
	for _, binding := range bindings {
		role := object{binding.RoleRef.Kind, binding.RoleRef.Name}
		bound[role] = true
		grant := Grant{Namespace: binding.Namespace, Role: role.name, Why: last(reasons[object{binding.kind, binding.Name}].why, reasons[role].why)}
		grant.Rules = explained(roles, role, binding.Namespace, reasons)
		for _, subject := range binding.Subjects {
			grant.Account = subject.Name
			grants = append(grants, grant)
		}
	}
	for _, role := range roles {
		key := object{role.kind, role.Name}
		if !bound[key] {
			grants = append(grants, Grant{Namespace: role.Namespace, Role: role.Name, Why: reasons[key].why, Rules: explained(roles, key, role.Namespace, reasons)})
		}
	}
	return grants, nil
}

// role is a Role or a ClusterRole, binding one of either.
type role struct {
	kind string
	rbacv1.Role
}

type binding struct {
	kind string
	rbacv1.RoleBinding
}

func sorted(objects []*unstructured.Unstructured) (roles []role, bindings []binding, err error) {
	for _, o := range objects {
		switch o.GetKind() {
		case "Role", "ClusterRole":
			read := role{kind: o.GetKind()}
			err = runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &read.Role)
			roles = append(roles, read)
		case "RoleBinding", "ClusterRoleBinding":
			read := binding{kind: o.GetKind()}
			err = runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &read.RoleBinding)
			bindings = append(bindings, read)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("reading %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return roles, bindings, nil
}

func explained(roles []role, wanted object, namespace string, reasons comments) (rules []Rule) {
	for _, role := range roles {
		if role.kind != wanted.kind || role.Name != wanted.name || role.kind == "Role" && role.Namespace != namespace {
			continue
		}
		for _, r := range role.Rules {
			rule := Rule{r.APIGroups, r.Resources, r.ResourceNames, r.NonResourceURLs, r.Verbs, ""}
			rule.Why = reasons[wanted].rules[rule.key()]
			rules = append(rules, rule)
		}
	}
	return rules
}
