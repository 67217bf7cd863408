// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	admissionapply "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// bindings of the policy are two, as the webhooks are: for pods that are opted in by themselves, and by their namespaces. The suffixes of their
// names tell them apart.
var bindings = []string{"", "-namespaces"}

// maxMutations bounds what the policy has in bytes, since etcd takes objects of 1.5 MiB.
const maxMutations = 1 << 20

// addition is what the pods of one capture get, as a mutation of the policy.
type addition struct{ namespace, name, expression string }

// additions are those of all templates that can be written. One that cannot is left out, with a word in our log, and takes no other with it.
func (r *Reconciler) additions(ctx context.Context, templates []*corev1.PodTemplate) (all []addition) {
	logger := klog.FromContext(ctx)
	total := 0
	size := map[string]int{} // by namespace
	for _, template := range templates {
		expression, err := r.mutation(template)
		if err != nil {
			logger.Error(err, "Nothing is added to pods as this PodTemplate says", "podTemplate", klog.KObj(template))
			continue
		}
		all = append(all, addition{template.Namespace, template.Name, expression})
		total += len(expression)
		size[template.Namespace] += len(expression)
	}
	for total > maxMutations { // at the expense of the namespace that has the most
		most := all[0].namespace
		for namespace, bytes := range size {
			if bytes > size[most] || bytes == size[most] && namespace < most {
				most = namespace
			}
		}
		last := len(all) - 1
		for all[last].namespace != most {
			last--
		}
		logger.Error(nil, "Nothing is added to pods as this PodTemplate says, since the policy would be too large", "podTemplate", klog.KRef(most, all[last].name))
		total -= len(all[last].expression)
		size[most] -= len(all[last].expression)
		all = slices.Delete(all, last, last+1)
	}
	return all
}

// mutation writes the PodTemplate of a capture as an expression, as far as it is one that we make.
func (r *Reconciler) mutation(template *corev1.PodTemplate) (string, error) {
	owner := metav1.GetControllerOfNoCopy(template)
	if owner == nil || template.Name != ParametersName(owner.UID) {
		return "", errors.New("its name is not that of its capture")
	}
	patch, err := injection.ReadCapture(template.Template.Spec, injection.CaptureOptions{
		Forwarder: r.Forwarder, Image: r.Image, ImagePullPolicy: r.ImagePullPolicy,
	})
	if err != nil {
		return "", err
	}
	return mutation(template.Namespace, template.Annotations[v1alpha1.AnnotationInjectInto], patch)
}

// policy adds to pods what the PodTemplates hold that the controller keeps, one for each capture. It stands in it in full, so that
// kube-apiserver asks nobody as a pod is made: neither us nor for parameters.
func (r *Reconciler) policy(owner *metaapply.OwnerReferenceApplyConfiguration, additions []addition) *admissionapply.MutatingAdmissionPolicyApplyConfiguration {
	pods := admissionapply.NamedRuleWithOperations().WithOperations(admissionv1.Create).
		WithAPIGroups("").WithAPIVersions("v1").WithResources("pods").WithScope(admissionv1.NamespacedScope)
	spec := admissionapply.MutatingAdmissionPolicySpec().
		WithMatchConstraints(admissionapply.MatchResources().WithResourceRules(pods).WithMatchPolicy(admissionv1.Equivalent).
			WithNamespaceSelector(selector(r.places())).
			WithObjectSelector(selector(requirement(v1alpha1.LabelPartOf, metav1.LabelSelectorOpNotIn, v1alpha1.PartOf)))).
		WithMatchConditions(conditions()...).
		WithFailurePolicy(admissionv1.Ignore).WithReinvocationPolicy(admissionv1.IfNeededReinvocationPolicy)
	for _, addition := range additions {
		spec.WithMutations(admissionapply.Mutation().WithPatchType(admissionv1.PatchTypeJSONPatch).
			WithJSONPatch(admissionapply.JSONPatch().WithExpression(addition.expression)))
	}
	return admissionapply.MutatingAdmissionPolicy(wiring.PodInjection).WithLabels(ownLabels()).WithOwnerReferences(owner).WithSpec(spec)
}

// TemplateSelector selects the PodTemplates of captures. Others may have the same labels.
func TemplateSelector() string {
	return labels.Set{v1alpha1.LabelPartOf: v1alpha1.PartOf, v1alpha1.LabelComponent: v1alpha1.ComponentPodInjection}.String()
}

// synced tells whether all PodTemplates are known.
func (r *Reconciler) synced() bool {
	return !slices.ContainsFunc(r.Templates, func(place coreinformers.PodTemplateInformer) bool { return !place.Informer().HasSynced() })
}

// templates are those of the captures, in a fixed order.
func (r *Reconciler) templates() (all []*corev1.PodTemplate, err error) {
	for _, place := range r.Templates {
		list, err := place.Lister().List(labels.Everything())
		if err != nil {
			return nil, fmt.Errorf("listing what pods get: %w", err)
		}
		all = append(all, list...)
	}
	all = slices.DeleteFunc(all, func(t *corev1.PodTemplate) bool { return t.DeletionTimestamp != nil || !isCaptures(t) })
	slices.SortFunc(all, func(a, b *corev1.PodTemplate) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

// isCaptures tells whether a PodTemplate belongs to a capture.
func isCaptures(object metav1.Object) bool {
	owner := metav1.GetControllerOfNoCopy(object)
	return owner != nil && owner.Kind == "TrafficCapture" && owner.APIVersion == v1alpha1.SchemeGroupVersion.String()
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
		WithSpec(admissionapply.MutatingAdmissionPolicyBindingSpec().WithPolicyName(wiring.PodInjection).WithMatchResources(match))
}
