// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/kube"
)

// undo is kubectl at the end of the test.
func undo(t *testing.T, args ...string) {
	t.Helper()
	t.Cleanup(func() { kube.CleanUp(t, 2*time.Minute, args...) })
}

const (
	apiServiceManifest = `
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1alpha1.replay.restage.dev, labels: {app.kubernetes.io/part-of: restage}}
spec:
  group: replay.restage.dev
  version: v1alpha1
  groupPriorityMinimum: 1000
  versionPriority: 15
  insecureSkipTLSVerify: true
  service: {namespace: restage-old, name: restage-apiserver}
`
	clusterRoleManifest = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: restage-old, labels: {app.kubernetes.io/part-of: restage}}
rules: []
`
	// policyManifest refuses NET_ADMIN in the namespace NS.
	policyManifest = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-net-admin}
spec:
  failurePolicy: Fail
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NS}}
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}
  validations:
  - expression: "!object.spec.containers.exists(c, 'NET_ADMIN' in c.?securityContext.?capabilities.?add.orValue([]))"
    message: NET_ADMIN is not allowed here
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-net-admin}
spec: {policyName: no-net-admin, validationActions: [Deny]}
`
	// nowhereManifest puts an address of TEST-NET behind the Service of the server.
	nowhereManifest = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: restage-apiserver-nowhere, namespace: restage-system, labels: {kubernetes.io/service-name: restage-apiserver}}
addressType: IPv4
ports: [{name: https, port: 8443, protocol: TCP}]
endpoints: [{addresses: [192.0.2.1], conditions: {ready: true}}]
`
)

func orphan(manifest, object string) func(*testing.T) {
	return func(t *testing.T) {
		undo(t, "delete", object)
		kube.MustApply(t, manifest)
	}
}

func leftPolicies(t *testing.T) {
	undo(t, append([]string{"delete", policyKinds}, wiring.Safeguards()...)...)
	kube.MustApply(t, policies(t))
}

func labelled(namespace, key, value string) func(*testing.T) {
	return func(t *testing.T) {
		undo(t, "label", "namespace", namespace, key+"-")
		kube.Kubectl(t, "label", "namespace", namespace, key+"="+value)
	}
}

func forbidNetAdmin(namespace string) func(*testing.T) {
	return func(t *testing.T) {
		undo(t, "delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", "no-net-admin")
		kube.MustApply(t, strings.ReplaceAll(policyManifest, "NS", namespace))
	}
}

func pullSecret(t *testing.T) {
	undo(t, "-n", system, "patch", "serviceaccount", "restage-forwarder", "-p", `{"imagePullSecrets":null}`)
	kube.Kubectl(t, "-n", system, "patch", "serviceaccount", "restage-forwarder", "-p", `{"imagePullSecrets":[{"name":"registry"}]}`)
}

// withoutRules takes the rules out of a role. Its binding alone would not do: the controller makes a second one.
func withoutRules(role string) func(*testing.T) {
	return func(t *testing.T) {
		undo(t, "apply", "-k", dev)
		kube.Kubectl(t, "patch", "clusterrole", role, "--type=json", "-p", `[{"op":"replace","path":"/rules","value":[]}]`)
	}
}

func controllerImage(t *testing.T) {
	undo(t, "-n", system, "rollout", "undo", "deployment/restage-controller")
	kube.Kubectl(t, "-n", system, "set", "image", "deployment/restage-controller", "controller=localhost/restage/nowhere:other")
}

func coreDNS(t *testing.T) {
	replicas := kube.Kubectl(t, "-n", "kube-system", "get", "deployment", "coredns", "-o", "jsonpath={.spec.replicas}")
	undo(t, "-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=90s")
	undo(t, "-n", "kube-system", "scale", "deployment/coredns", "--replicas="+replicas)
	kube.Kubectl(t, "-n", "kube-system", "scale", "deployment/coredns", "--replicas=0")
	kube.Kubectl(t, "-n", "kube-system", "wait", "--for=delete", "pod", "-l", "k8s-app=kube-dns", "--timeout=90s")
}

func scaledToNothing(name string) func(*testing.T) {
	return func(t *testing.T) {
		undo(t, "-n", system, "scale", "deployment/"+name, "--replicas=1")
		kube.Kubectl(t, "-n", system, "scale", "deployment/"+name, "--replicas=0")
		kube.Kubectl(t, "-n", system, "wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name="+name, "--timeout=90s")
	}
}

func unreachable(t *testing.T) {
	undo(t, "apply", "-k", dev)
	undo(t, "-n", system, "delete", "endpointslice", "restage-apiserver-nowhere")
	kube.Kubectl(t, "-n", system, "patch", "service", "restage-apiserver", "--type=json", "-p", `[{"op":"remove","path":"/spec/selector"}]`)
	kube.MustApply(t, nowhereManifest)
	// The controllers of endpoints make them once more until they have seen that the selector has gone; then they copy Endpoints.
	kube.Eventually(t, 90*time.Second, "the Service leads nowhere but there", func() (bool, string) {
		kube.Kubectl(t, "-n", system, "delete", "endpoints", "restage-apiserver", "--ignore-not-found")
		kube.Kubectl(t, "-n", system, "delete", "endpointslice", "-l",
			"kubernetes.io/service-name=restage-apiserver,endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io")
		available := kube.Kubectl(t, "get", "apiservice", apiService, "-o", `jsonpath={.status.conditions[?(@.type=="Available")].status}`)
		return available == "False", available
	})
}

func storageURL(url string) func(*testing.T) {
	return func(t *testing.T) {
		undo(t, "-n", system, "set", "env", "deployment/restage-controller", "STORAGE_URL=")
		kube.Kubectl(t, "-n", system, "set", "env", "deployment/restage-controller", "STORAGE_URL="+url)
	}
}

// wrongBundle needs the controller out of the way, which would put it right at once.
func wrongBundle(t *testing.T) {
	scaledToNothing("restage-controller")(t)
	other, _ := expiredCertificate(t, "")
	kube.Kubectl(t, "patch", "apiservice", apiService, "--type=merge", "-p",
		fmt.Sprintf(`{"spec":{"caBundle":%q}}`, base64.StdEncoding.EncodeToString(other)))
}

func forwarderGone(t *testing.T) {
	scaledToNothing("restage-controller")(t)
	kube.Kubectl(t, "-n", system, "delete", "deployment", "restage-forwarder")
}

// expired has the server show a certificate of its own CA that has expired.
func expired(t *testing.T) {
	authority := kube.Kubectl(t, "-n", system, "get", "secret", "restage-apiserver-ca", "-o", `jsonpath={.data.ca\.crt}{" "}{.data.ca\.key}`)
	certificate, key := expiredCertificate(t, authority)
	undo(t, "-n", system, "delete", "secret", "expired")
	undo(t, "-n", system, "rollout", "undo", "deployment/restage-apiserver")
	kube.MustApply(t, fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: expired, namespace: %s}\ndata: {tls.crt: %s, tls.key: %s}\n",
		system, base64.StdEncoding.EncodeToString(certificate), base64.StdEncoding.EncodeToString(key)))
	const container = "/spec/template/spec/containers/0"
	kube.Kubectl(t, "-n", system, "patch", "deployment", "restage-apiserver", "--type=json", "-p", `[
		{"op":"add","path":"/spec/template/spec/volumes/-","value":{"name":"expired","secret":{"secretName":"expired"}}},
		{"op":"add","path":"`+container+`/volumeMounts/-","value":{"name":"expired","mountPath":"/expired"}},
		{"op":"add","path":"`+container+`/args/-","value":"--tls-cert-file=/expired/tls.crt"},
		{"op":"add","path":"`+container+`/args/-","value":"--tls-private-key-file=/expired/tls.key"}]`)
	kube.Kubectl(t, "-n", system, "rollout", "status", "deployment/restage-apiserver", "--timeout=150s")
}

// monitored leaves of an installation with monitoring what a cluster without the Prometheus operator takes of it.
func monitored(t *testing.T) {
	kube.Kubectl(t, "-n", system, "create", "configmap", "restage-dashboard")
	undo(t, "-n", system, "delete", "configmap", "restage-dashboard")
}
