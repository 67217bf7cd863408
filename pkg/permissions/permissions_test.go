// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package permissions

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/kyaml/kio"
)

const manifest = `# Copyright
# Licence

# Everywhere,
# in every installation.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: server}
rules:
# Admission
# asks for both.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
- apiGroups: [apps]
  resources: [deployments, deployments/status]
  verbs: [get, list]
# Its own.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [ca]
  verbs: [update]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: server}
roleRef: {kind: ClusterRole, name: server}
subjects: [{kind: ServiceAccount, name: server, namespace: home}]
---
# It asks who a caller is.
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: authentication, namespace: kube-system}
roleRef: {kind: Role, name: extension-apiserver-authentication-reader}
subjects: [{kind: ServiceAccount, name: server, namespace: home}]
---
# For those who read metrics.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: metrics}
rules:
- nonResourceURLs: [/metrics]
  verbs: [get]
`

func TestOf(t *testing.T) {
	documents, err := kio.FromBytes([]byte(manifest))
	require.NoError(t, err)
	var objects []*unstructured.Unstructured
	for _, document := range documents {
		content, err := document.Map()
		require.NoError(t, err)
		objects = append(objects, &unstructured.Unstructured{Object: content})
	}
	grants, err := Of(objects, fstest.MapFS{"base/rbac.yaml": {Data: []byte(manifest)}, "README": {Data: []byte(":")}})
	require.NoError(t, err)
	require.Equal(t, []Grant{
		{Account: "server", Role: "server", Why: "Everywhere, in every installation.", Rules: []Rule{
			{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get"}, Why: "Admission asks for both."},
			{APIGroups: []string{"apps"}, Resources: []string{"deployments", "deployments/status"}, Verbs: []string{"get", "list"}, Why: "Admission asks for both."},
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"ca"}, Verbs: []string{"update"}, Why: "Its own."},
		}},
		{Account: "server", Namespace: "kube-system", Role: "extension-apiserver-authentication-reader", Why: "It asks who a caller is."},
		{Role: "metrics", Why: "For those who read metrics.", Rules: []Rule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}}},
	}, grants)
}

func TestRuleWhat(t *testing.T) {
	require.Equal(t, "deployments.apps, deployments.apps/status", Rule{APIGroups: []string{"apps"}, Resources: []string{"deployments", "deployments/status"}}.What())
	require.Equal(t, "secrets (only ca)", Rule{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"ca"}}.What())
	require.Equal(t, "/metrics", Rule{NonResourceURLs: []string{"/metrics"}}.What())
}
