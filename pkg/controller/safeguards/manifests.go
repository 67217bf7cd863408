// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package safeguards

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	admissionapply "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/artifacts"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Parts of several policies.
const (
	removal = "removal" // how a proxy goes
	pods    = "pods"    // what those of pods have in common
	nothing = "nothing" // ours ask for nothing
)

// sources are the files that a policy consists of, besides that of removal.
var sources = map[string][]string{
	wiring.TemplateVolumes: {"template-volumes"},
	wiring.PodSecurity:     {pods, "pod-security"},
	wiring.PodLimits:       {pods, nothing, "pod-limits"},
	wiring.PodQuotas:       {pods, nothing, "pod-quotas"},
}

// What is applied of each.
type (
	Policy  = admissionapply.MutatingAdmissionPolicyApplyConfiguration
	Binding = admissionapply.MutatingAdmissionPolicyBindingApplyConfiguration
)

// Manifest returns what is kept under a name, one of wiring.Safeguards. The policy of templates looks at those of other kinds, too.
func Manifest(name string, others []schema.GroupVersionResource) (*Policy, *Binding, error) {
	p := &Policy{}
	for _, source := range sources[name] {
		part := &Policy{}
		if err := read(source, part); err != nil {
			return nil, nil, err
		}
		merge(p, part)
	}
	rest := &admissionapply.MutatingAdmissionPolicySpecApplyConfiguration{}
	if err := read(removal, rest); err != nil {
		return nil, nil, err
	}
	known := slices.IndexFunc(p.Spec.Variables, func(v admissionapply.VariableApplyConfiguration) bool { return *v.Name == "gone" })
	p.Spec.Variables = slices.Insert(p.Spec.Variables, known+1, rest.Variables...)
	p.Spec.Mutations = append(p.Spec.Mutations, rest.Mutations...)
	p.WithAPIVersion(admissionv1.SchemeGroupVersion.String()).WithKind(kindPolicy)
	if name == wiring.TemplateVolumes {
		p.Spec.MatchConstraints.WithResourceRules(rules(others)...)
	}
	return p, bindingOf(p), nil
}

// AtCreation returns what is kept of one of wiring.PodResources for proxies that are only added as pods are made. It looks at every pod of some namespaces, since kube-apiserver
// asks no policy a second time, after a proxy was added, that did not look at the pod before. And it only has proxies go: which policy is asked first is not
// known, and the second time is the last, so that what one made fit another could make refused.
func AtCreation(name string, namespaces []string) (*Policy, *Binding, error) {
	p, _, err := Manifest(name, nil)
	if err != nil {
		return nil, nil, err
	}
	p.WithName(wiring.OfInjection(name))
	p.Spec.MatchConditions = nil
	p.Spec.MatchConstraints.WithNamespaceSelector(metaapply.LabelSelector().WithMatchExpressions(metaapply.LabelSelectorRequirement().
		WithKey(corev1.LabelMetadataName).WithOperator(metav1.LabelSelectorOpIn).WithValues(namespaces...)))
	p.Spec.Mutations = p.Spec.Mutations[len(p.Spec.Mutations)-leaving:]
	return p, bindingOf(p), nil
}

// leaving is how many of the mutations of a policy of pods, the last, have the proxy go: that which says so, and that of removal.
const leaving = 2

// read reads a file into what it has a part of.
func read(source string, into any) error {
	data, err := artifacts.Files.ReadFile("safeguards/" + source + ".yaml")
	if err == nil {
		err = yaml.UnmarshalStrict(data, into)
	}
	if err != nil {
		return fmt.Errorf("reading the safeguards: %s: %w", source, err)
	}
	return nil
}

// merge adds a part to a policy. Its own mutations come before those of all, which look at what they have come to.
func merge(p, part *Policy) {
	if p.Spec == nil {
		*p = *part
		return
	}
	if part.ObjectMetaApplyConfiguration != nil {
		p.Name = part.Name
	}
	p.Spec.ParamKind = part.Spec.ParamKind
	p.Spec.Variables = append(p.Spec.Variables, part.Spec.Variables...)
	p.Spec.Mutations = append(part.Spec.Mutations, p.Spec.Mutations...)
}

// bindingOf has a policy apply to the whole cluster; one with parameters in each namespace once for each of them, and not where there is none.
func bindingOf(p *Policy) *Binding {
	spec := admissionapply.MutatingAdmissionPolicyBindingSpec().WithPolicyName(*p.Name)
	if p.Spec.ParamKind != nil {
		spec.WithParamRef(admissionapply.ParamRef().WithSelector(metaapply.LabelSelector()).WithParameterNotFoundAction(admissionv1.AllowAction))
	}
	return admissionapply.MutatingAdmissionPolicyBinding(*p.Name).WithLabels(p.Labels).WithSpec(spec)
}

// Version tells the policies apart from those of other releases.
func Version() (string, error) {
	hash := sha256.New()
	for _, name := range wiring.Safeguards() {
		policy, binding, err := Manifest(name, nil)
		if err != nil {
			return "", err
		}
		if err := json.NewEncoder(hash).Encode([]any{policy, binding}); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)[:versionBytes]), nil
}

// versionBytes of a hash are enough for that.
const versionBytes = 8
