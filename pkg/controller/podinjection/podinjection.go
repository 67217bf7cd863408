// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package podinjection keeps what has kube-apiserver add the recording proxy to opted-in pods as they are made: a webhook configuration that leads
// to our API server, or a policy that leads nowhere. Both let every pod in, whatever becomes of us.
package podinjection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	admissionapply "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/owned"
	"github.com/restage-dev/restage/pkg/controller/safeguards"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	fieldManager = "restage-controller"
	kindWebhooks = "MutatingWebhookConfiguration"
	kindPolicy   = "MutatingAdmissionPolicy"
	kindBinding  = "MutatingAdmissionPolicyBinding"
	// repair is how often it is looked at without an event, and syncing the same until the caches are filled.
	repair  = 5 * time.Minute
	syncing = time.Second
)

// Reconciler keeps what the installation has chosen, and takes away what a former choice has left.
type Reconciler struct {
	Kube kubernetes.Interface
	// Home is our own namespace, Namespaces are those that we work with; none means all.
	Home       string
	Namespaces []string
	// Injection is one of wiring.Injections.
	Injection string
	// Image of the proxy, how it is pulled, and the host:port that takes the records; for the policy.
	Image           string
	ImagePullPolicy corev1.PullPolicy
	Forwarder       string
	// Templates are caches of the PodTemplates of captures, in all namespaces that we work with; for the policy, which stays as it is until they are filled.
	Templates []coreinformers.PodTemplateInformer
	// Stays tells whether there is an API server, and will be.
	Stays func() (bool, error)
}

// Reconcile applies what is chosen. Without an API server to stay nothing is to be added to any pod.
func (r *Reconciler) Reconcile(ctx context.Context, _ types.NamespacedName) (time.Duration, error) {
	stays, err := r.Stays()
	if err != nil {
		return 0, err
	}
	chosen := r.Injection
	if !stays {
		chosen = ""
	}
	var errs []error
	if chosen != wiring.InjectionWebhook {
		errs = append(errs, removeWebhooks(ctx, r.Kube))
	}
	if chosen != wiring.InjectionPolicy {
		errs = append(errs, removePolicy(ctx, r.Kube))
	}
	if chosen == wiring.InjectionPolicy && !r.synced() {
		return syncing, errors.Join(errs...)
	}
	if wiring.AtCreation(chosen) {
		errs = append(errs, r.apply(ctx))
	}
	return repair, errors.Join(errs...)
}

func (r *Reconciler) apply(ctx context.Context) error {
	owner, err := apiregistration.Owner(ctx, r.Kube)
	if err != nil {
		return err
	}
	if r.Injection == wiring.InjectionWebhook {
		return owned.Keep(ctx, r.Kube.AdmissionregistrationV1().MutatingWebhookConfigurations(),
			admissionapply.ExtractMutatingWebhookConfiguration, kindWebhooks, wiring.PodInjection, fieldManager, r.webhooks(owner))
	}
	return r.applyPolicy(ctx, owner)
}

func (r *Reconciler) applyPolicy(ctx context.Context, owner *metaapply.OwnerReferenceApplyConfiguration) error {
	templates, err := r.templates()
	if err != nil {
		return err
	}
	additions := r.additions(ctx, templates)
	if len(additions) == 0 { // a policy must change something
		return removePolicy(ctx, r.Kube)
	}
	registrations := r.Kube.AdmissionregistrationV1()
	if err := r.applySafeguards(ctx, owner, additions); err != nil {
		return err
	}
	// kube-apiserver compiles a policy anew each time that it is applied.
	err = owned.Keep(ctx, registrations.MutatingAdmissionPolicies(), admissionapply.ExtractMutatingAdmissionPolicy,
		kindPolicy, wiring.PodInjection, fieldManager, r.policy(owner, additions))
	errs := []error{err}
	for _, suffix := range bindings {
		errs = append(errs, owned.Keep(ctx, registrations.MutatingAdmissionPolicyBindings(), admissionapply.ExtractMutatingAdmissionPolicyBinding,
			kindBinding, wiring.PodInjection+suffix, fieldManager, r.binding(suffix, owner)))
	}
	return errors.Join(errs...)
}

// applySafeguards has what is added go again where a namespace would refuse it, before it is added.
func (r *Reconciler) applySafeguards(ctx context.Context, owner *metaapply.OwnerReferenceApplyConfiguration, additions []addition) error {
	var namespaces []string
	for _, addition := range additions { // in order
		namespaces = append(namespaces, addition.namespace)
	}
	namespaces = slices.Compact(namespaces)
	for _, name := range wiring.PodResources() {
		policy, binding, err := safeguards.AtCreation(name, namespaces)
		if err != nil {
			return err
		}
		err = safeguards.Keep(ctx, r.Kube, policy.WithOwnerReferences(owner), binding.WithOwnerReferences(owner))
		if apierrors.IsNotFound(err) {
			return fmt.Errorf("this cluster has no MutatingAdmissionPolicy of admissionregistration.k8s.io/v1, which Kubernetes has from 1.36 on; "+
				"no pod gets the recording proxy: install with --injection=%s", wiring.InjectionWebhook)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Remove takes all of it down. It need not exist.
func Remove(ctx context.Context, kube kubernetes.Interface) error {
	return errors.Join(removeWebhooks(ctx, kube), removePolicy(ctx, kube))
}

func removeWebhooks(ctx context.Context, kube kubernetes.Interface) error {
	return owned.Remove(ctx, kube.AdmissionregistrationV1().MutatingWebhookConfigurations(), kindWebhooks, wiring.PodInjection)
}

func removePolicy(ctx context.Context, kube kubernetes.Interface) error {
	registrations := kube.AdmissionregistrationV1()
	var errs []error
	for _, suffix := range bindings {
		errs = append(errs, owned.Remove(ctx, registrations.MutatingAdmissionPolicyBindings(), kindBinding, wiring.PodInjection+suffix))
	}
	errs = append(errs, owned.Remove(ctx, registrations.MutatingAdmissionPolicies(), kindPolicy, wiring.PodInjection))
	for _, name := range wiring.PodResources() { // after what they look after
		errs = append(errs, owned.Remove(ctx, registrations.MutatingAdmissionPolicyBindings(), kindBinding, wiring.OfInjection(name)),
			owned.Remove(ctx, registrations.MutatingAdmissionPolicies(), kindPolicy, wiring.OfInjection(name)))
	}
	return errors.Join(errs...)
}

func ownLabels() map[string]string { return map[string]string{v1alpha1.LabelPartOf: v1alpha1.PartOf} }
