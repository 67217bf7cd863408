// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"regexp"

	"github.com/restage-dev/restage/pkg/injection"
)

// refusals are those who refuse a pod with NET_ADMIN, by how kube-apiserver words it.
var refusals = []struct {
	pattern *regexp.Regexp
	why     string // %s: what the pattern captures
	fix     string // %s: the namespace
}{
	{regexp.MustCompile(`violates PodSecurity "([^"]+)"`), "Pod Security level %q refuses a container with NET_ADMIN, which recorded pods begin with",
		"kubectl label namespace %s " + injection.EnforceLabel + "=" + privileged + " --overwrite"},
	{regexp.MustCompile(`ValidatingAdmissionPolicy '([^']+)'`), "ValidatingAdmissionPolicy %q refuses a container with NET_ADMIN, which recorded pods begin with",
		"Exempt namespace %s in the policy's binding: kubectl get validatingadmissionpolicybindings"},
	{regexp.MustCompile(`admission webhook "([^"]+)" denied`), "admission webhook %q refuses a container with NET_ADMIN, which recorded pods begin with",
		"Exempt namespace %s in the policy of the webhook: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"},
	{regexp.MustCompile(`failed calling webhook "([^"]+)"`), "admission webhook %q does not answer and refuses all pods",
		"kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations; kubectl -n %s get events"},
	{regexp.MustCompile(`exceeded quota: ([^,]+)`), "quota %q has no room for another pod", "kubectl -n %s describe resourcequota"},
	{regexp.MustCompile(`namespaces "([^"]+)" not found`), "namespace %q does not exist", "kubectl create namespace %s"},
	{regexp.MustCompile(`unable to create new content in namespace ([^ ]+)`), "namespace %q is being deleted", "kubectl get namespace %s -o yaml"},
	{regexp.MustCompile(`unable to validate against any (security context constraint)`), "no %s of OpenShift allows a container with NET_ADMIN, which recorded pods begin with",
		"oc adm policy add-scc-to-group privileged system:serviceaccounts:%s"},
}

// refusal tells who refused a pod; "" when it is not about the pod, such as the caller's rights.
func refusal(namespace, message string) (why, fix string) {
	for _, candidate := range refusals {
		if match := candidate.pattern.FindStringSubmatch(message); match != nil {
			return fmt.Sprintf(candidate.why, match[1]), fmt.Sprintf(candidate.fix, namespace)
		}
	}
	return "", ""
}
