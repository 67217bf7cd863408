// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workloadaccess

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	at "github.com/restage-dev/restage/pkg/admission/admissiontest"
	"github.com/restage-dev/restage/pkg/wiring"
)

// role answers as RBAC would for somebody who has the rules.
type role []rbacv1.PolicyRule

func (r role) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	resource := a.GetResource()
	if a.GetSubresource() != "" {
		resource += "/" + a.GetSubresource()
	}
	if slices.ContainsFunc(r, func(rule rbacv1.PolicyRule) bool {
		return slices.Contains(rule.Verbs, a.GetVerb()) && slices.Contains(rule.APIGroups, a.GetAPIGroup()) &&
			slices.Contains(rule.Resources, resource) && (len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, a.GetName()))
	}) {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// controllerRole is all that restage-controller may do where workloads are, by the manifests, but what is in the role that is left out.
func controllerRole(t *testing.T, left string) (rules role) {
	t.Helper()
	data, err := os.ReadFile("../../../../artifacts/base/rbac-controller.yaml")
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		var found rbacv1.ClusterRole
		if err := decoder.Decode(&found); errors.Is(err, io.EOF) {
			return rules
		} else if err != nil {
			t.Fatal(err)
		}
		if found.Kind == "ClusterRole" && found.Name != left {
			rules = append(rules, found.Rules...)
		}
	}
}

// The controller is asked like everybody else, so its role must hold what it does on behalf of users.
func TestControllerMayDoWhatItDoesForUsers(t *testing.T) {
	p := newPlugin(t, &court{})
	p.SetUnconditionalAuthorizer(controllerRole(t, ""))
	for name, request := range map[string]admission.Attributes{
		"the environment of a replay": newEnvironment("big", "front", "plain"),
		"an annotated workload":       at.Create("TrafficCapture", capture()),
	} {
		if err := run(t.Context(), p, request); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Where it has no right to change a workload it makes the captures of those that are annotated all the same.
func TestControllerFollowsAnnotationsWithoutTheRightToInject(t *testing.T) {
	p := newPlugin(t, &court{})
	p.SetUnconditionalAuthorizer(controllerRole(t, "restage-controller-injection"))
	request := at.Create("TrafficCapture", capture())
	if err := run(t.Context(), p, request); !apierrors.IsForbidden(err) {
		t.Fatalf("the role that is left out makes no difference: %v", err)
	}
	for _, how := range []string{wiring.InjectionManual, wiring.InjectionWebhook, wiring.InjectionPolicy} {
		p.SetInjection(how)
		if err := run(t.Context(), p, request); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
}
