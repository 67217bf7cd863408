// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/restage-dev/restage/pkg/controller/safeguards"
)

// grant is one rule that the manifests give to a service account.
type grant struct {
	namespace string // where it holds; empty: everywhere
	account   string
	role      string // kind and name, for people
	rule      rbacv1.PolicyRule
}

// grantsOf reads the rules that manifests give to service accounts by roles of their own. Roles of the cluster that they only bind,
// such as system:auth-delegator, come from the function builtin.
func grantsOf(manifests []*unstructured.Unstructured, builtin func(kind, namespace, name string) ([]rbacv1.PolicyRule, error)) ([]grant, error) {
	rules := map[string][]rbacv1.PolicyRule{}
	for _, object := range manifests {
		if kind := object.GetKind(); isRBAC(object) && (kind == "Role" || kind == "ClusterRole") {
			var role rbacv1.Role // a ClusterRole has its rules in the same field
			if err := convert(object, &role); err != nil {
				return nil, err
			}
			rules[roleKey(kind, object.GetNamespace(), object.GetName())] = role.Rules
		}
	}
	var grants []grant
	for _, object := range manifests {
		if kind := object.GetKind(); !isRBAC(object) || kind != "RoleBinding" && kind != "ClusterRoleBinding" {
			continue
		}
		var binding rbacv1.RoleBinding // as is a ClusterRoleBinding
		if err := convert(object, &binding); err != nil {
			return nil, err
		}
		if binding.Annotations[safeguards.AnnotationVersion] != "" {
			continue // given back once it was used
		}
		found, known := rules[roleKey(binding.RoleRef.Kind, roleNamespace(binding), binding.RoleRef.Name)]
		if !known {
			var err error
			if found, err = builtin(binding.RoleRef.Kind, roleNamespace(binding), binding.RoleRef.Name); err != nil {
				return nil, err
			}
		}
		grants = append(grants, grantsBy(binding, found)...)
	}
	return grants, nil
}

func grantsBy(binding rbacv1.RoleBinding, rules []rbacv1.PolicyRule) []grant {
	var grants []grant
	for _, subject := range binding.Subjects {
		if subject.Kind != rbacv1.ServiceAccountKind {
			continue
		}
		for _, rule := range rules {
			grants = append(grants, grant{
				namespace: binding.Namespace, account: subject.Namespace + ":" + subject.Name,
				role: binding.RoleRef.Kind + " " + binding.RoleRef.Name, rule: rule,
			})
		}
	}
	return grants
}

func isRBAC(object *unstructured.Unstructured) bool {
	return object.GroupVersionKind().Group == rbacv1.GroupName
}

func roleKey(kind, namespace, name string) string { return kind + "/" + namespace + "/" + name }

// roleNamespace is the binding's own for a Role, and none for a ClusterRole.
func roleNamespace(binding rbacv1.RoleBinding) string {
	if binding.RoleRef.Kind == "Role" {
		return binding.Namespace
	}
	return ""
}

func convert(object *unstructured.Unstructured, into any) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into); err != nil {
		return fmt.Errorf("reading %s %s of the manifests: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}
