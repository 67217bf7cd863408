// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Who may view or edit a namespace sees no payload; the rest is as docs/reference/subresources.md says.
func TestRightsOfSubresources(t *testing.T) {
	got := map[string][]string{}
	for _, object := range manifests(t)["rbac-users.yaml"] {
		role, ok := object.(*rbacv1.ClusterRole)
		if !ok {
			continue
		}
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					got[role.Name] = append(got[role.Name], verb+" "+resource)
				}
			}
		}
	}
	for role, test := range map[string]struct{ may, mayNot []string }{
		"restage-view": {
			[]string{"get trafficreplays/log", "get trafficreplays/status"},
			[]string{"get trafficsnapshots/records", "get trafficreplays/report", "create trafficreplays/cancel", "create trafficsnapshots/upload", "get *", "* *"},
		},
		"restage-edit": {
			[]string{"create trafficreplays/cancel", "create trafficsnapshots/upload", "update trafficsnapshots/upload", "patch trafficsnapshots/upload", "get trafficsnapshots/upload"},
			[]string{"get trafficsnapshots/records", "get trafficreplays/report", "update trafficreplays/status", "get *", "* *"},
		},
		"restage-traffic-reader": {
			[]string{"get trafficsnapshots/records", "get trafficreplays/report"},
			[]string{"create trafficsnapshots/upload", "create trafficreplays/cancel"},
		},
	} {
		for _, right := range test.may {
			if !slices.Contains(got[role], right) {
				t.Errorf("%s may not %s", role, right)
			}
		}
		for _, right := range test.mayNot {
			if slices.Contains(got[role], right) {
				t.Errorf("%s may %s", role, right)
			}
		}
	}
}
