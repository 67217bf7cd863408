// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package templatevolumes keeps the policy by which kube-apiserver keeps whole what we have put into the templates of workloads, while their owners
// change them. artifacts/components/template-volumes has it, and says why.
package templatevolumes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	admissionapply "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/artifacts"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/owned"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

const (
	fieldManager = "restage-controller"
	kindPolicy   = "MutatingAdmissionPolicy"
	kindBinding  = "MutatingAdmissionPolicyBinding"
	manifest     = "components/template-volumes/policy.yaml"
	// repair is how often it is looked at without an event.
	repair = 5 * time.Minute
)

// Reconciler keeps the policy where we write to templates. Where we do not any more it is left as it is, since proxies may be left in templates, too.
type Reconciler struct {
	Kube kubernetes.Interface
	// Injection is one of wiring.Injections, Namespaces are those that we work with; none means all. In an installation for some, whoever installs it brings
	// the policy, which is for the whole cluster, and it is left as it is.
	Injection  string
	Namespaces []string

	last answer
}

// Reconcile applies the policy, where the cluster knows its kind.
func (r *Reconciler) Reconcile(ctx context.Context, _ types.NamespacedName) (time.Duration, error) {
	if r.Injection != wiring.InjectionWorkload || len(r.Namespaces) > 0 {
		return repair, nil
	}
	served, err := workload.HasPolicies(r.Kube.Discovery())
	if err != nil || !served {
		return repair, err
	}
	return repair, r.keep(ctx)
}

func (r *Reconciler) keep(ctx context.Context) error {
	owner, err := apiregistration.Owner(ctx, r.Kube)
	if err != nil {
		return err
	}
	return apply(ctx, r.Kube, owner)
}

// Leave has the policy, if there is one, stay when the installation goes, since proxies stay in templates: it belongs to nothing then that would take it along.
func Leave(ctx context.Context, kube kubernetes.Interface) error {
	there, err := Exists(ctx, kube)
	if err != nil || !there {
		return err
	}
	return apply(ctx, kube)
}

func apply(ctx context.Context, kube kubernetes.Interface, owners ...*metaapply.OwnerReferenceApplyConfiguration) error {
	policy, binding, err := read()
	if err != nil {
		return err
	}
	granted, err := workload.Client{Kube: kube}.Granted(ctx)
	if err != nil {
		return err
	}
	policy.Spec.MatchConstraints.WithResourceRules(rules(granted)...)
	registrations := kube.AdmissionregistrationV1()
	// kube-apiserver compiles a policy anew each time that it is applied.
	err = owned.Keep(ctx, registrations.MutatingAdmissionPolicies(), admissionapply.ExtractMutatingAdmissionPolicy,
		kindPolicy, wiring.TemplateVolumes, fieldManager, policy.WithOwnerReferences(owners...))
	if err != nil {
		return err
	}
	return owned.Keep(ctx, registrations.MutatingAdmissionPolicyBindings(), admissionapply.ExtractMutatingAdmissionPolicyBinding,
		kindBinding, wiring.TemplateVolumes, fieldManager, binding.WithOwnerReferences(owners...))
}

// rules have the policy look at workloads of kinds that are not Kubernetes' own, and that an administrator has let us record.
func rules(resources []schema.GroupVersionResource) (all []*admissionapply.NamedRuleWithOperationsApplyConfiguration) {
	for _, resource := range resources {
		if resource.GroupResource() != rollouts { // which the manifest has
			all = append(all, admissionapply.NamedRuleWithOperations().WithOperations(admissionv1.Update).
				WithAPIGroups(resource.Group).WithAPIVersions(resource.Version).WithResources(resource.Resource).WithScope(admissionv1.NamespacedScope))
		}
	}
	return all
}

// read returns what the manifest has.
func read() (*admissionapply.MutatingAdmissionPolicyApplyConfiguration, *admissionapply.MutatingAdmissionPolicyBindingApplyConfiguration, error) {
	data, err := artifacts.Files.ReadFile(manifest)
	if err != nil {
		return nil, nil, err
	}
	first, second, _ := bytes.Cut(data, []byte("\n---\n"))
	policy := &admissionapply.MutatingAdmissionPolicyApplyConfiguration{}
	binding := &admissionapply.MutatingAdmissionPolicyBindingApplyConfiguration{}
	if err := errors.Join(yaml.UnmarshalStrict(first, policy), yaml.UnmarshalStrict(second, binding)); err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", manifest, err)
	}
	return policy, binding, nil
}

// Exists tells whether there is the policy, and its binding, without which it does nothing. The cluster knows their kinds.
func Exists(ctx context.Context, kube kubernetes.Interface) (bool, error) {
	registrations := kube.AdmissionregistrationV1()
	_, err := registrations.MutatingAdmissionPolicies().Get(ctx, wiring.TemplateVolumes, metav1.GetOptions{})
	if err == nil {
		_, err = registrations.MutatingAdmissionPolicyBindings().Get(ctx, wiring.TemplateVolumes, metav1.GetOptions{})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("looking for MutatingAdmissionPolicy %q and its binding: %w", wiring.TemplateVolumes, err)
	}
	return err == nil, nil
}

// Remove takes the policy down. It need not exist, nor its kind.
func Remove(ctx context.Context, kube kubernetes.Interface) error {
	registrations := kube.AdmissionregistrationV1()
	return errors.Join(
		owned.Remove(ctx, registrations.MutatingAdmissionPolicyBindings(), kindBinding, wiring.TemplateVolumes),
		owned.Remove(ctx, registrations.MutatingAdmissionPolicies(), kindPolicy, wiring.TemplateVolumes))
}
