// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/installation"
)

// The messages are those of kube-apiserver, of conditions and of requests.
func TestCausesOfRegistrations(t *testing.T) {
	for message, want := range map[string]causeKind{
		`failing or missing response from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: Get "https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`: causeNetwork,
		`failing or missing response from https://10.8.0.7:8443/apis/replay.restage.dev/v1alpha1: Get "https://10.8.0.7:8443/apis/replay.restage.dev/v1alpha1": dial tcp 10.8.0.7:8443: i/o timeout`:                                          causeNetwork,
		`failing or missing response from https://10.244.0.9:8443/apis/replay.restage.dev/v1alpha1: Get "https://10.244.0.9:8443/apis/replay.restage.dev/v1alpha1": dial tcp 10.244.0.9:8443: connect: no route to host`:                      causeNetwork,
		`failing or missing response from https://10.244.0.9:8443/apis/replay.restage.dev/v1alpha1: Get "https://10.244.0.9:8443/apis/replay.restage.dev/v1alpha1": net/http: TLS handshake timeout`:                                          causeNetwork,
		`timed out waiting for https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1`: causeNetwork,
		`failing or missing response from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: Get "https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1": dial tcp 10.96.14.3:443: connect: connection refused`:                                                                                                  causeRefused,
		`failing or missing response from https://restage-apiserver.restage-system.svc:443/apis/replay.restage.dev/v1alpha1: Get "https://restage-apiserver.restage-system.svc:443/": dial tcp: lookup restage-apiserver.restage-system.svc on 8.8.8.8:53: no such host`:                                                 causeNames,
		`failing or missing response from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: Get "https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1": tls: failed to verify certificate: x509: certificate signed by unknown authority`:                                                                      causeUnknownCA,
		`failing or missing response from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: Get "https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-25T21:00:00Z is after 2026-11-25T20:00:00Z`: causeExpired,
		`failing or missing response from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: Get "https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1": tls: failed to verify certificate: x509: certificate is valid for other.example, not restage-apiserver.restage-system.svc`:                             causeWrongName,
		`failing or missing response from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: Get "https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1": proxyconnect tcp: dial tcp 10.0.0.1:3128: i/o timeout`:                                                                                                 causeHTTPProxy,
		`failing or missing response from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: bad status from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: 401`:                                                                                                                                         causeUntrusted,
		`failing or missing response from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: bad status from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: 403`:                                                                                                                                         causeForbidden,
		`failing or missing response from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: bad status from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: 503`:                                                                                                                                         causeServer,
		`failing or missing response from https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1: Get "https://10.96.14.3:443/apis/replay.restage.dev/v1alpha1": EOF`:                                                                                                                                                   causeCut,
		`the server is currently unable to handle the request`: causeServer,
		`something that nobody has seen`:                       causeOther,
	} {
		if got := registrationCause("FailedDiscoveryCheck", message); got.kind != want {
			t.Errorf("%s\nis taken for %q", message, got.says)
		}
	}
	for reason, want := range map[string]causeKind{
		"ServiceNotFound": causeNoService, "ServicePortError": causeNoService, "EndpointsNotFound": causeNoServer, "MissingEndpoints": causeNoServer,
	} {
		if got := registrationCause(reason, "context deadline exceeded"); got.kind != want {
			t.Errorf("%s is taken for %q", reason, got.says)
		}
	}
}

// Each cause has something to do about it, and what is done depends on where the cluster runs.
func TestFixesOfRegistrations(t *testing.T) {
	c := &Cluster{Found: &installation.Installation{Namespace: "restage-system"}}
	for kind := causeNoService; kind <= causeCut; kind++ {
		if kind == causeNetwork || kind == causeNames { // they ask for a node
			continue
		}
		if fix := c.registrationFix(t.Context(), cause{kind: kind}); fix == "" {
			t.Errorf("cause %d has no fix", kind)
		}
	}
	for _, test := range []struct {
		node *corev1.Node
		want string
	}{
		{&corev1.Node{Spec: corev1.NodeSpec{ProviderID: "gce://project/zone/node"}}, "gcloud compute firewall-rules"},
		{&corev1.Node{Spec: corev1.NodeSpec{ProviderID: "aws:///eu-1a/i-1"}}, "aws ec2 authorize-security-group-ingress"},
		{&corev1.Node{Spec: corev1.NodeSpec{ProviderID: "azure:///subscriptions/x"}}, "az network nsg rule"},
		{&corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"minikube.k8s.io/name": "minikube"}}}, "minikube start --cni"},
		{&corev1.Node{}, "TCP port 8443"},
	} {
		if fix := networkFix(providerOf(*test.node)); !strings.Contains(fix, test.want) {
			t.Errorf("%q has not %q", fix, test.want)
		}
	}
	microk8s := corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"microk8s.io/cluster": "true"}}}
	if fix := namesFix(providerOf(microk8s)); fix != "microk8s enable dns" {
		t.Errorf("fix is %q", fix)
	}
}

// The messages are those of the forwarder's /readyz and of its last line before it ends.
func TestCausesOfStorage(t *testing.T) {
	for message, want := range map[string]string{
		`the data directory does not take writes: open /var/lib/restage/probe: no space left on device`:                                                                                    "full",
		`0 of 1 ready: container forwarder crashes (Error, exit code 1); its last line: "command failed" err="opening the storage file:///nowhere: mkdir /nowhere: read-only file system"`: "read-only",
		`the data directory does not take writes: open /var/lib/restage/probe: permission denied`:                                                                                          "may not write",
		`opening the storage ftp://host/: open blob.Bucket: no driver registered for "ftp" for URL "ftp://host/"; available schemes: file, s3`:                                             "of a kind",
		`the storage does not take writes: blob (code=NotFound): operation error S3: PutObject, https response error StatusCode: 404, NoSuchBucket`:                                        "does not exist",
		`the storage does not take writes: blob (code=PermissionDenied): operation error S3: PutObject, https response error StatusCode: 403, api error AccessDenied: Access Denied`:       "refuses",
		`the storage does not take writes: operation error S3: PutObject, get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found`:                     "refuses",
		`the storage does not take writes: operation error S3: PutObject, dial tcp: lookup minio.storage.svc: no such host`:                                                                "does not reach",
		`another process uses /var/lib/restage/log: resource temporarily unavailable`:                                                                                                      "two forwarders",
		`the log failed, it must be opened anew: input/output error`:                                                                                                                       "cannot use",
		`0 of 1 ready: no node takes it: 0/1 nodes are available`:                                                                                                                          "",
	} {
		why, _ := storageCause(message)
		if want == "" && why != "" || !strings.Contains(why, want) {
			t.Errorf("%s\nis taken for %q, want %q", message, why, want)
		}
	}
}

// The messages are those of kube-apiserver.
func TestRefusals(t *testing.T) {
	for message, want := range map[string]string{
		`pods "restage-check-x" is forbidden: violates PodSecurity "restricted:latest": unrestricted capabilities (container "restage-init" must not include "NET_ADMIN" in securityContext.capabilities.add)`: `Pod Security level "restricted:latest"`,
		`pods "restage-check-x" is forbidden: ValidatingAdmissionPolicy 'no-net-admin' with binding 'no-net-admin' denied request: NET_ADMIN is not allowed here`:                                              `ValidatingAdmissionPolicy "no-net-admin"`,
		`admission webhook "validation.gatekeeper.sh" denied the request: [psp-capabilities] container restage-init is not allowed`:                                                                            `webhook "validation.gatekeeper.sh" refuses`,
		`Internal error occurred: failed calling webhook "mutate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno-svc.kyverno.svc:443/mutate": no endpoints available`:                         "does not answer",
		`pods "restage-check-x" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=10, limited: pods=10`:                                                                                        `quota "pods"`,
		`namespaces "nowhere" not found`: `"nowhere" does not exist`,
		`pods "restage-check-x" is forbidden: unable to create new content in namespace shop because it is being terminated`: "being deleted",
		`pods is forbidden: User "jane" cannot create resource "pods" in API group "" in the namespace "shop"`:               "",
	} {
		why, fix := refusal("shop", message)
		if want == "" && why != "" || !strings.Contains(why, want) || strings.Contains(why+fix, "%!") || why != "" && fix == "" {
			t.Errorf("%s\nis taken for %q, fix %q, want %q", message, why, fix, want)
		}
	}
}
