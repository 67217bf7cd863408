// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/installation"
)

// cause of kube-apiserver not reaching our server.
type cause struct {
	kind causeKind
	says string
}

type causeKind int

const (
	causeOther causeKind = iota
	causeNoService
	causeNoServer
	causeNetwork
	causeRefused
	causeNames
	causeUnknownCA
	causeExpired
	causeWrongName
	causeHTTPProxy
	causeUntrusted
	causeForbidden
	causeServer
	causeCut
)

// causesByReason are those that the Available condition tells apart by itself.
var causesByReason = map[string]cause{
	"ServiceNotFound":   {causeNoService, "the Service of the server is missing"},
	"ServicePortError":  {causeNoService, "the Service of the server has another port"},
	"EndpointsNotFound": {causeNoServer, "no pod of the server is ready"},
	"MissingEndpoints":  {causeNoServer, "no pod of the server is ready"},
}

// causesByMessage are tried in this order: a message may hold the words of a later one as well.
var causesByMessage = []struct {
	pattern *regexp.Regexp
	cause   cause
}{
	{regexp.MustCompile(`x509: certificate has expired or is not yet valid`), cause{causeExpired, "the certificate of the server has expired"}},
	{regexp.MustCompile(`x509: certificate signed by unknown authority|x509: invalid signature|certificate is not trusted`),
		cause{causeUnknownCA, "the CA bundle of the registration does not fit the certificate of the server"}},
	{regexp.MustCompile(`x509: certificate is (valid for|not valid for)|x509: certificate relies on legacy Common Name|doesn't contain any IP SANs`),
		cause{causeWrongName, "the certificate of the server is for another name: something else answers, or the Service was renamed"}},
	{regexp.MustCompile(`proxyconnect `), cause{causeHTTPProxy, "kube-apiserver sends requests for Services through its HTTP proxy"}},
	{regexp.MustCompile(`no such host|server misbehaving|Temporary failure in name resolution`),
		cause{causeNames, "the control plane cannot resolve the name of the Service: cluster DNS is missing or not used by kube-apiserver"}},
	{regexp.MustCompile(`connect: connection refused`), cause{causeRefused, "nothing listens at the address of the server's Service: kube-proxy (or what stands for it) is missing on the control plane, or the server is starting"}},
	{regexp.MustCompile(`no route to host|network is unreachable`),
		cause{causeNetwork, "the control plane has no route to pods: the cluster has no CNI, or a firewall is in between"}},
	{regexp.MustCompile(`context deadline exceeded|Client\.Timeout|i/o timeout|TLS handshake timeout|timed out waiting for`),
		cause{causeNetwork, "the control plane does not get through to pods: a firewall between them (private cluster), or no CNI"}},
	{regexp.MustCompile(`bad status from [^ ]+: 401|Unauthorized`),
		cause{causeUntrusted, "the server does not believe kube-apiserver: its front-proxy certificate is missing or not signed by the CA in kube-system/" + authenticationConfigMap}},
	{regexp.MustCompile(`bad status from [^ ]+: 403|forbidden`),
		cause{causeForbidden, "the server refuses kube-apiserver: it does not believe its front-proxy certificate, or may not ask for rights (ClusterRoleBinding restage-apiserver-auth-delegator)"}},
	{regexp.MustCompile(`bad status from [^ ]+: 5\d\d|currently unable to handle the request`), cause{causeServer, "the server answers that it is not well"}},
	{regexp.MustCompile(`EOF|connection reset by peer|first record does not look like a TLS handshake|malformed HTTP response`),
		cause{causeCut, "connections to the server are cut: a mesh or a network policy is between it and the control plane"}},
}

// registrationCause tells the cause from the reason and the message of an Available condition, or from the error of a request.
func registrationCause(reason, message string) cause {
	if known, ok := causesByReason[reason]; ok {
		return known
	}
	for _, candidate := range causesByMessage {
		if candidate.pattern.MatchString(message) {
			return candidate.cause
		}
	}
	return cause{causeOther, "kube-apiserver does not reach the server"}
}

// registrationFix is the command that ends the cause.
func (c *Cluster) registrationFix(ctx context.Context, found cause) string {
	switch found.kind {
	case causeNoService, causeForbidden:
		return c.reinstall()
	case causeNoServer:
		if d := c.Found.Deployments[installation.Server]; d == nil || (d.Spec.Replicas != nil && *d.Spec.Replicas == 0) {
			return restart(c, installation.Server)
		}
		return fmt.Sprintf("kubectl -n %s describe pods -l app.kubernetes.io/name=%s", c.home(), installation.Server)
	case causeUnknownCA:
		return restart(c, installation.Controller)
	case causeExpired, causeServer:
		return restart(c, installation.Server)
	case causeWrongName:
		return fmt.Sprintf("kubectl -n %s get service,endpointslices -l app.kubernetes.io/name=%s -o wide", c.home(), installation.Server)
	case causeHTTPProxy:
		return "Add .svc and the address ranges of Services and pods to NO_PROXY of kube-apiserver."
	case causeNames:
		return namesFix(c.provider(ctx))
	case causeRefused:
		return "kubectl -n kube-system get pods -o wide -l k8s-app=kube-proxy"
	case causeNetwork:
		return networkFix(c.provider(ctx))
	case causeUntrusted:
		return "Start kube-apiserver with --proxy-client-cert-file and --proxy-client-key-file, signed by its --requestheader-client-ca-file, then: " + restart(c, installation.Server)
	case causeCut:
		return fmt.Sprintf("kubectl -n %s get networkpolicies; kubectl label namespace %s istio-injection=disabled --overwrite", c.home(), c.home())
	}
	return fmt.Sprintf("kubectl describe apiservice %s; kubectl -n %s logs deployment/%s", installation.APIService, c.home(), installation.Server)
}

// provider of the nodes, as far as their objects tell: gce, aws, azure, minikube, microk8s; "" otherwise.
func (c *Cluster) provider(ctx context.Context) string {
	nodes, err := c.Kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil || len(nodes.Items) == 0 {
		return ""
	}
	return providerOf(nodes.Items[0])
}

func providerOf(node corev1.Node) string {
	for label, name := range map[string]string{"minikube.k8s.io/name": "minikube", "microk8s.io/cluster": "microk8s"} {
		if node.Labels[label] != "" {
			return name
		}
	}
	scheme, _, _ := strings.Cut(node.Spec.ProviderID, "://")
	return scheme
}

func networkFix(provider string) string {
	switch provider {
	case "gce":
		return "gcloud compute firewall-rules create restage-apiserver --network NETWORK --source-ranges CONTROL_PLANE_RANGE --target-tags NODE_TAG --allow tcp:8443"
	case "aws":
		return "aws ec2 authorize-security-group-ingress --group-id NODE_SECURITY_GROUP --source-group CLUSTER_SECURITY_GROUP --protocol tcp --port 8443"
	case "azure":
		return "az network nsg rule create --nsg-name NODE_NSG --resource-group NODE_GROUP --name restage-apiserver --priority 200 --source-address-prefixes CONTROL_PLANE_RANGE --destination-port-ranges 8443 --protocol Tcp"
	case "minikube":
		return "minikube delete && minikube start --cni=bridge"
	}
	return "Let the control plane reach TCP port 8443 of pods (firewall, security group, network policy), or install a CNI."
}

func namesFix(provider string) string {
	if provider == "microk8s" {
		return "microk8s enable dns"
	}
	return "kubectl -n kube-system rollout restart deployment/coredns"
}
