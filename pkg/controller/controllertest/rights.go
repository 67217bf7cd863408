// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controllertest

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/install"
)

// Acting calls f, in which a reconciler acts, and checks that the manifests allow the controller everything that it does.
func (c *Cluster) Acting(t *testing.T, f func()) {
	t.Helper()
	kube, own := len(c.Kube.Actions()), len(c.Replay.Actions())
	f()
	if c.rules[c.Injection] == nil {
		c.rules[c.Injection] = controllerRules(t, c.Injection)
	}
	for _, action := range slices.Concat(c.Kube.Actions()[kube:], c.Replay.Actions()[own:]) {
		if action.GetVerb() == "watch" {
			continue // an informer of the test that only now begins; reconcilers do not watch
		}
		if action.GetVerb() == "get" && slices.Contains([]string{"resource", "group"}, action.GetResource().Resource) {
			continue // discovery, which is for everybody
		}
		if !slices.ContainsFunc(c.rules[c.Injection], func(rule rbacv1.PolicyRule) bool { return allows(rule, action) }) {
			t.Errorf("the manifests (injection %q) do not allow the controller to %s %s/%s of %q, name %q", c.Injection, action.GetVerb(),
				action.GetResource().Resource, action.GetSubresource(), action.GetResource().Group, nameOf(action))
		}
	}
}

// controllerRules are the rules of all roles of the controller where it is installed with this injection.
func controllerRules(t *testing.T, injection string) (rules []rbacv1.PolicyRule) {
	t.Helper()
	all, err := install.Render(install.Options{Injection: install.Injection(injection), ClusterName: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range all {
		if !strings.HasSuffix(object.GetKind(), "Role") || !strings.HasPrefix(object.GetName(), "restage-controller") {
			continue
		}
		var role rbacv1.ClusterRole // a Role has the same fields
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &role); err != nil {
			t.Fatal(err)
		}
		rules = append(rules, role.Rules...)
	}
	return rules
}

func allows(rule rbacv1.PolicyRule, action clienttesting.Action) bool {
	resource := action.GetResource().Resource
	if action.GetSubresource() != "" {
		resource += "/" + action.GetSubresource()
	}
	return slices.Contains(rule.Verbs, action.GetVerb()) && slices.Contains(rule.APIGroups, action.GetResource().Group) &&
		slices.Contains(rule.Resources, resource) && (len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, nameOf(action)))
}

// nameOf is the name that an authorizer would see; it sees none when an object is created.
func nameOf(action clienttesting.Action) string {
	switch a := action.(type) {
	case clienttesting.DeleteActionImpl:
		return a.Name
	case clienttesting.PatchActionImpl:
		return a.Name
	case clienttesting.GetActionImpl:
		return a.Name
	case clienttesting.UpdateActionImpl:
		if object, ok := a.Object.(metav1.Object); ok {
			return object.GetName()
		}
		return ""
	default:
		return ""
	}
}
