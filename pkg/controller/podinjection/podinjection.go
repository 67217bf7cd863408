// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package podinjection keeps what has kube-apiserver add the recording proxy to opted-in pods as they are made: a webhook configuration that leads
// to our API server, or a policy that leads nowhere. Both let every pod in, whatever becomes of us.
package podinjection

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	fieldManager = "restage-controller"
	// repair is how often the webhooks are applied without an event, and follow is how often the policy follows the captures.
	repair = time.Minute
	follow = 5 * time.Second
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
	if wiring.AtCreation(chosen) {
		errs = append(errs, r.apply(ctx))
	}
	again := repair
	if chosen == wiring.InjectionPolicy {
		again = follow
	}
	return again, errors.Join(errs...)
}

func (r *Reconciler) apply(ctx context.Context) error {
	role, err := r.Kube.RbacV1().ClusterRoles().Get(ctx, apiregistration.ClusterRole, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("looking for the owner of what adds proxies to pods: %w", err)
	}
	owner := metaapply.OwnerReference().WithAPIVersion("rbac.authorization.k8s.io/v1").WithKind("ClusterRole").WithName(role.Name).WithUID(role.UID)
	registrations := r.Kube.AdmissionregistrationV1()
	if r.Injection == wiring.InjectionWebhook {
		_, err := registrations.MutatingWebhookConfigurations().Apply(ctx, r.webhooks(owner), options())
		return applied("MutatingWebhookConfiguration", err)
	}
	templates, err := r.templates(ctx)
	if err != nil {
		return err
	}
	additions := r.additions(ctx, templates)
	if len(additions) == 0 { // a policy must change something
		return removePolicy(ctx, r.Kube)
	}
	_, err = registrations.MutatingAdmissionPolicies().Apply(ctx, r.policy(owner, additions), options())
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("this cluster has no MutatingAdmissionPolicy of admissionregistration.k8s.io/v1, which Kubernetes has from 1.36 on; "+
			"no pod gets the recording proxy: install with --injection=%s", wiring.InjectionWebhook)
	}
	errs := []error{applied("MutatingAdmissionPolicy", err)}
	for _, suffix := range bindings {
		_, err := registrations.MutatingAdmissionPolicyBindings().Apply(ctx, r.binding(suffix, owner), options())
		errs = append(errs, applied("MutatingAdmissionPolicyBinding", err))
	}
	return errors.Join(errs...)
}

func applied(kind string, err error) error {
	if err != nil {
		return fmt.Errorf("applying %s %q: %w", kind, wiring.PodInjection, err)
	}
	return nil
}

// Remove takes all of it down. It need not exist.
func Remove(ctx context.Context, kube kubernetes.Interface) error {
	return errors.Join(removeWebhooks(ctx, kube), removePolicy(ctx, kube))
}

func removeWebhooks(ctx context.Context, kube kubernetes.Interface) error {
	return gone("MutatingWebhookConfiguration", kube.AdmissionregistrationV1().MutatingWebhookConfigurations().Delete(ctx, wiring.PodInjection, metav1.DeleteOptions{}))
}

func removePolicy(ctx context.Context, kube kubernetes.Interface) error {
	registrations := kube.AdmissionregistrationV1()
	var errs []error
	for _, suffix := range bindings {
		errs = append(errs, gone("MutatingAdmissionPolicyBinding", registrations.MutatingAdmissionPolicyBindings().Delete(ctx, wiring.PodInjection+suffix, metav1.DeleteOptions{})))
	}
	return errors.Join(append(errs, gone("MutatingAdmissionPolicy", registrations.MutatingAdmissionPolicies().Delete(ctx, wiring.PodInjection, metav1.DeleteOptions{})))...)
}

// gone lets pass that there was nothing to delete, or that the cluster does not know the kind.
func gone(kind string, err error) error {
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("deleting %s %q: %w", kind, wiring.PodInjection, err)
}

func ownLabels() map[string]string { return map[string]string{v1alpha1.LabelPartOf: v1alpha1.PartOf} }

func options() metav1.ApplyOptions {
	return metav1.ApplyOptions{FieldManager: fieldManager, Force: true}
}
