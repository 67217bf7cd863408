// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	admissionapply "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
)

// bindings of the policy are two, as the webhooks are: for pods that are opted in by themselves, and by their namespaces. The suffixes of their
// names tell them apart.
var bindings = []string{"", "-namespaces"}

// policy adds to pods what the PodTemplates in their namespace hold that the controller keeps, one for each capture. It reads nothing that we
// serve: the kind of its parameters is the cluster's own, so that it works as long as kube-apiserver does.
func (r *Reconciler) policy(owner *metaapply.OwnerReferenceApplyConfiguration) *admissionapply.MutatingAdmissionPolicyApplyConfiguration {
	pods := admissionapply.NamedRuleWithOperations().WithOperations(admissionv1.Create).
		WithAPIGroups("").WithAPIVersions("v1").WithResources("pods").WithScope(admissionv1.NamespacedScope)
	spec := admissionapply.MutatingAdmissionPolicySpec().
		WithParamKind(admissionapply.ParamKind().WithAPIVersion("v1").WithKind("PodTemplate")).
		WithMatchConstraints(admissionapply.MatchResources().WithResourceRules(pods).WithMatchPolicy(admissionv1.Equivalent).
			WithNamespaceSelector(selector(r.places())).
			WithObjectSelector(selector(requirement(v1alpha1.LabelPartOf, metav1.LabelSelectorOpNotIn, v1alpha1.PartOf)))).
		WithMatchConditions(
			admissionapply.MatchCondition().WithName(notInjectedName).WithExpression(notInjected),
			admissionapply.MatchCondition().WithName("of-the-workload").WithExpression(ofTheWorkload()),
			admissionapply.MatchCondition().WithName("own-network").WithExpression(ownNetwork),
		).
		WithFailurePolicy(admissionv1.Ignore).WithReinvocationPolicy(admissionv1.IfNeededReinvocationPolicy)
	for _, expression := range mutations() {
		spec.WithMutations(admissionapply.Mutation().WithPatchType(admissionv1.PatchTypeJSONPatch).
			WithJSONPatch(admissionapply.JSONPatch().WithExpression(expression)))
	}
	return admissionapply.MutatingAdmissionPolicy(wiring.PodInjection).WithLabels(ownLabels()).WithOwnerReferences(owner).WithSpec(spec)
}

func (r *Reconciler) binding(suffix string, owner *metaapply.OwnerReferenceApplyConfiguration) *admissionapply.MutatingAdmissionPolicyBindingApplyConfiguration {
	optIn := requirement(v1alpha1.LabelInject, metav1.LabelSelectorOpIn, v1alpha1.InjectEnabled)
	match := admissionapply.MatchResources().WithMatchPolicy(admissionv1.Equivalent)
	if suffix == "" {
		match.WithObjectSelector(selector(optIn))
	} else {
		match.WithNamespaceSelector(selector(optIn)).WithObjectSelector(selector(requirement(v1alpha1.LabelInject, metav1.LabelSelectorOpDoesNotExist)))
	}
	return admissionapply.MutatingAdmissionPolicyBinding(wiring.PodInjection + suffix).WithLabels(ownLabels()).WithOwnerReferences(owner).
		WithSpec(admissionapply.MutatingAdmissionPolicyBindingSpec().WithPolicyName(wiring.PodInjection).WithMatchResources(match).
			WithParamRef(admissionapply.ParamRef().WithParameterNotFoundAction(admissionv1.AllowAction).
				WithSelector(metaapply.LabelSelector().WithMatchLabels(map[string]string{
					v1alpha1.LabelPartOf: v1alpha1.PartOf, v1alpha1.LabelComponent: v1alpha1.ComponentPodInjection,
				}))))
}
