// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controllertest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/artifacts"
)

// Acting calls f, in which a reconciler acts, and checks that the manifests allow the controller everything that it does.
func (c *Cluster) Acting(t *testing.T, f func()) {
	t.Helper()
	kube, own := len(c.Kube.Actions()), len(c.Replay.Actions())
	f()
	rules := controllerRules(t)
	for _, action := range slices.Concat(c.Kube.Actions()[kube:], c.Replay.Actions()[own:]) {
		if action.GetVerb() == "watch" {
			continue // an informer of the test that only now begins; reconcilers do not watch
		}
		if !slices.ContainsFunc(rules, func(rule rbacv1.PolicyRule) bool { return allows(rule, action) }) {
			t.Errorf("artifacts/base/rbac-controller.yaml does not allow to %s %s/%s of %q, name %q", action.GetVerb(),
				action.GetResource().Resource, action.GetSubresource(), action.GetResource().Group, nameOf(action))
		}
	}
}

// controllerRules are the rules of all roles of the controller.
func controllerRules(t *testing.T) (rules []rbacv1.PolicyRule) {
	t.Helper()
	data, err := artifacts.Files.ReadFile("base/rbac-controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		var role rbacv1.ClusterRole // a Role has the same fields
		if err := decoder.Decode(&role); errors.Is(err, io.EOF) {
			return rules
		} else if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, role.Rules...)
	}
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
