// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package safeguards keeps the policies by which kube-apiserver, which asks nobody for it, keeps what we have put into the templates of workloads from standing in
// anybody's way: owners who change them, and namespaces that become stricter. artifacts/safeguards has them, and says why.
package safeguards

import (
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
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/controller/owned"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

const (
	fieldManager = "restage-controller"
	kindPolicy   = "MutatingAdmissionPolicy"
	kindBinding  = "MutatingAdmissionPolicyBinding"
	// repair is how often they are looked at. It is short, since it is how long a right may be held that was given again.
	repair = time.Minute
)

// Reconciler keeps the policies where we write to templates. Where we do not any more they are left as they are, since proxies may be left in templates, too.
type Reconciler struct {
	Kube kubernetes.Interface
	// Injection is one of wiring.Injections, Namespaces are those that we work with; none means all. In an installation for some, the right to make what is for the
	// whole cluster is given back when it is made.
	Injection  string
	Namespaces []string

	last answer
}

// Reconcile applies the policies, where the cluster knows their kind.
func (r *Reconciler) Reconcile(ctx context.Context, _ types.NamespacedName) (time.Duration, error) {
	if r.Injection != wiring.InjectionWorkload {
		return repair, nil
	}
	served, err := workload.HasPolicies(r.Kube.Discovery())
	if err != nil || !served {
		return repair, err
	}
	err = r.keep(ctx)
	if len(r.Namespaces) == 0 {
		return repair, err
	}
	if apierrors.IsForbidden(err) { // whoever asks for one that is missing is told
		klog.FromContext(ctx).V(2).Info("The policies are not as they should be, and the right to make them was given back", "reason", err.Error())
		return repair, nil
	}
	if err != nil {
		return repair, err
	}
	return repair, r.giveBack(ctx)
}

// keep has all of them as they are wanted. They belong to nothing, so that they stay for as long as there may be a proxy in a template, whatever else is deleted.
func (r *Reconciler) keep(ctx context.Context) error {
	var others []schema.GroupVersionResource
	if len(r.Namespaces) == 0 {
		granted, err := workload.Client{Kube: r.Kube}.Granted(ctx)
		if err != nil {
			return err
		}
		others = granted
	}
	for _, name := range wiring.Safeguards() {
		policy, binding, err := Manifest(name, others)
		if err != nil {
			return err
		}
		if err := Keep(ctx, r.Kube, policy, binding); err != nil {
			return err
		}
	}
	return nil
}

// Keep has a policy and its binding as they are wanted. kube-apiserver compiles a policy anew each time that it is applied, so that one that is as it is wanted is not.
func Keep(ctx context.Context, kube kubernetes.Interface, policy *Policy, binding *Binding) error {
	registrations := kube.AdmissionregistrationV1()
	err := owned.Keep(ctx, registrations.MutatingAdmissionPolicies(), admissionapply.ExtractMutatingAdmissionPolicy, kindPolicy, *policy.Name, fieldManager, policy)
	if err != nil {
		return err
	}
	return owned.Keep(ctx, registrations.MutatingAdmissionPolicyBindings(), admissionapply.ExtractMutatingAdmissionPolicyBinding, kindBinding, *binding.Name, fieldManager, binding)
}

// rules have the policy of templates look at workloads of kinds that are not Kubernetes' own, and that an administrator has let us record.
func rules(resources []schema.GroupVersionResource) (all []*admissionapply.NamedRuleWithOperationsApplyConfiguration) {
	for _, resource := range resources {
		if resource.GroupResource() != rollouts { // which the manifest has
			all = append(all, admissionapply.NamedRuleWithOperations().WithOperations(admissionv1.Update).
				WithAPIGroups(resource.Group).WithAPIVersions(resource.Version).WithResources(resource.Resource).WithScope(admissionv1.NamespacedScope))
		}
	}
	return all
}

// Missing returns the name of a policy that is not there, or whose binding is not, without which it does nothing; empty when all are. The cluster knows their kinds.
func Missing(ctx context.Context, kube kubernetes.Interface) (string, error) {
	registrations := kube.AdmissionregistrationV1()
	for _, name := range wiring.Safeguards() {
		_, err := registrations.MutatingAdmissionPolicies().Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			_, err = registrations.MutatingAdmissionPolicyBindings().Get(ctx, name, metav1.GetOptions{})
		}
		if apierrors.IsNotFound(err) {
			return name, nil
		}
		if err != nil {
			return "", fmt.Errorf("looking for MutatingAdmissionPolicy %q and its binding: %w", name, err)
		}
	}
	return "", nil
}

// Any tells whether one of the policies is there. The cluster need not know their kind.
func Any(ctx context.Context, kube kubernetes.Interface) (bool, error) {
	for _, name := range wiring.Safeguards() {
		_, err := kube.AdmissionregistrationV1().MutatingAdmissionPolicies().Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			return true, nil
		}
		if !apierrors.IsNotFound(err) {
			return false, fmt.Errorf("looking for MutatingAdmissionPolicy %q: %w", name, err)
		}
	}
	return false, nil
}

// Remove takes the policies down. They need not exist, nor their kind.
func Remove(ctx context.Context, kube kubernetes.Interface) error {
	registrations := kube.AdmissionregistrationV1()
	var errs []error
	for _, name := range wiring.Safeguards() {
		errs = append(errs, owned.Remove(ctx, registrations.MutatingAdmissionPolicyBindings(), kindBinding, name),
			owned.Remove(ctx, registrations.MutatingAdmissionPolicies(), kindPolicy, name))
	}
	return errors.Join(errs...)
}
