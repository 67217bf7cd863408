// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	admissionapply "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
)

// timeoutSeconds is how long a pod that is opted in waits for us at most.
const timeoutSeconds = 2

// notInjected lets no pod through that has our proxy, as copies in environments have, nor one that it was taken out of. The name is that of the condition.
const (
	notInjectedName = "without-proxy"
	notInjected     = "(!has(object.spec.initContainers) || !object.spec.initContainers.exists(c, c.name in ['" +
		wiring.ProxyContainerName + "', '" + wiring.InitContainerName + "'])) && " +
		"(!has(object.metadata.annotations) || !('" + v1alpha1.AnnotationProxyLeftOut + "' in object.metadata.annotations))"
)

// webhooks are two, since a pod is opted in by its own label or by that of its namespace, and has the last word. kube-apiserver calls itself,
// as which it trusts itself, and hands the review on to us as anything else of our API: there is no certificate to keep in step.
func (r *Reconciler) webhooks(owner *metaapply.OwnerReferenceApplyConfiguration) *admissionapply.MutatingWebhookConfigurationApplyConfiguration {
	optIn := requirement(v1alpha1.LabelInject, metav1.LabelSelectorOpIn, v1alpha1.InjectEnabled)
	silent := requirement(v1alpha1.LabelInject, metav1.LabelSelectorOpDoesNotExist)
	theirs := requirement(v1alpha1.LabelPartOf, metav1.LabelSelectorOpNotIn, v1alpha1.PartOf)
	return admissionapply.MutatingWebhookConfiguration(wiring.PodInjection).WithLabels(ownLabels()).WithOwnerReferences(owner).WithWebhooks(
		r.webhook("pods.capture.restage.dev", selector(r.places()), selector(optIn, theirs)),
		r.webhook("namespaces.capture.restage.dev", selector(optIn, r.places()), selector(silent, theirs)),
	)
}

func (r *Reconciler) webhook(name string, namespaces, pods *metaapply.LabelSelectorApplyConfiguration) *admissionapply.MutatingWebhookApplyConfiguration {
	return admissionapply.MutatingWebhook().WithName(name).
		WithClientConfig(admissionapply.WebhookClientConfig().WithService(
			admissionapply.ServiceReference().WithNamespace(corev1.NamespaceDefault).WithName("kubernetes").WithPort(443).WithPath(wiring.PodInjectionsPath))).
		WithRules(admissionapply.RuleWithOperations().WithOperations(admissionv1.Create).
			WithAPIGroups("").WithAPIVersions("v1").WithResources("pods").WithScope(admissionv1.NamespacedScope)).
		WithNamespaceSelector(namespaces).WithObjectSelector(pods).
		WithMatchConditions(admissionapply.MatchCondition().WithName(notInjectedName).WithExpression(notInjected)).
		WithFailurePolicy(admissionv1.Ignore).WithTimeoutSeconds(timeoutSeconds).WithMatchPolicy(admissionv1.Equivalent).
		WithSideEffects(admissionv1.SideEffectClassNone).WithReinvocationPolicy(admissionv1.IfNeededReinvocationPolicy).
		WithAdmissionReviewVersions("v1")
}

// places are the namespaces whose pods can be opted in: those that we work with, and never the cluster's own nor ours.
func (r *Reconciler) places() *metaapply.LabelSelectorRequirementApplyConfiguration {
	if len(r.Namespaces) > 0 {
		return requirement(corev1.LabelMetadataName, metav1.LabelSelectorOpIn, r.Namespaces...)
	}
	return requirement(corev1.LabelMetadataName, metav1.LabelSelectorOpNotIn, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease, r.Home)
}

func requirement(key string, operator metav1.LabelSelectorOperator, values ...string) *metaapply.LabelSelectorRequirementApplyConfiguration {
	return metaapply.LabelSelectorRequirement().WithKey(key).WithOperator(operator).WithValues(values...)
}

func selector(all ...*metaapply.LabelSelectorRequirementApplyConfiguration) *metaapply.LabelSelectorApplyConfiguration {
	return metaapply.LabelSelector().WithMatchExpressions(all...)
}
