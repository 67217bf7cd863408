// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package credentials keeps in each namespace that uses Restage what its pods need to trust the forwarder, to redact and to read TLS: a
// copy of the forwarder's CA, the namespace's own redaction key and, where that is asked for, its own CA.
package credentials

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	caKey          = "ca.crt"
	redactionKey   = "redaction.key"
	redactionBytes = 32
	fieldManager   = "restage-credentials"
	// repair is how often a namespace in use is looked at without an event.
	repair = time.Minute
)

// labels mark what is made here, and what may be deleted.
var labels = map[string]string{v1alpha1.LabelPartOf: v1alpha1.PartOf, v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}

// Reconciler keeps the credentials of namespaces, which are its keys' names.
type Reconciler struct {
	// Namespace is our own, where the forwarder publishes its CA under the name of the copies.
	Namespace  string
	Kube       kubernetes.Interface
	ConfigMaps corelisters.ConfigMapNamespaceLister // of our namespace
	// Used tells whether anything of Restage is in a namespace.
	Used func(namespace string) (bool, error)
}

// Reconcile makes the credentials of a namespace that is used and deletes those of one that no longer is.
func (r *Reconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	used, err := r.Used(key.Name)
	if err != nil {
		return 0, err
	}
	if !used {
		return 0, r.remove(ctx, key.Name)
	}
	err = r.Ensure(ctx, key.Name)
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return 0, nil
	}
	return repair, err
}

// Ensure makes the credentials of a namespace. Before the forwarder has published its CA, the copy is empty: pods take the CA up
// when it appears. The copy comes first and goes last, since we may list ConfigMaps and not Secrets: it is by the copy that whoever
// clears up without our objects finds the key.
func (r *Reconciler) Ensure(ctx context.Context, namespace string) error {
	if err := r.copyCA(ctx, namespace); err != nil {
		return fmt.Errorf("copying the forwarder's CA to namespace %q: %w", namespace, err)
	}
	if err := r.ensureKey(ctx, namespace); err != nil {
		return fmt.Errorf("making the redaction key of namespace %q: %w", namespace, err)
	}
	return r.renewTLS(ctx, namespace)
}

// ensureKey makes the key once. It never changes, so that the same secret keeps giving the same token.
func (r *Reconciler) ensureKey(ctx context.Context, namespace string) error {
	secrets := r.Kube.CoreV1().Secrets(namespace)
	_, err := secrets.Get(ctx, wiring.RedactionSecret, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	key := make([]byte, redactionBytes)
	_, _ = rand.Read(key) // never fails
	_, err = secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: wiring.RedactionSecret, Labels: labels},
		Data:       map[string][]byte{redactionKey: key},
	}, metav1.CreateOptions{FieldManager: fieldManager})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// RedactionKey returns the key of a namespace, and makes it when there is none.
func (r *Reconciler) RedactionKey(ctx context.Context, namespace string) ([]byte, error) {
	if err := r.Ensure(ctx, namespace); err != nil {
		return nil, err
	}
	secret, err := r.Kube.CoreV1().Secrets(namespace).Get(ctx, wiring.RedactionSecret, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the redaction key of namespace %q: %w", namespace, err)
	}
	return secret.Data[redactionKey], nil
}

func (r *Reconciler) copyCA(ctx context.Context, namespace string) error {
	if namespace == r.Namespace {
		return nil // the original is there
	}
	published := map[string]string{}
	original, err := r.ConfigMaps.Get(wiring.ForwarderCAConfigMap)
	if err == nil {
		published[caKey] = original.Data[caKey]
	} else if !apierrors.IsNotFound(err) {
		return err
	}
	configMaps := r.Kube.CoreV1().ConfigMaps(namespace)
	current, err := configMaps.Get(ctx, wiring.ForwarderCAConfigMap, metav1.GetOptions{})
	if err == nil && (len(published) == 0 || current.Data[caKey] == published[caKey]) {
		return nil // without a published CA, what pods trust already is kept
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	_, err = configMaps.Apply(ctx, coreapply.ConfigMap(wiring.ForwarderCAConfigMap, namespace).
		WithLabels(labels).
		WithData(published),
		metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	return err
}

// remove deletes what Ensure made, and only that.
func (r *Reconciler) remove(ctx context.Context, namespace string) error {
	configMaps, secrets := r.Kube.CoreV1().ConfigMaps(namespace), r.Kube.CoreV1().Secrets(namespace)
	for name, what := range map[string]string{wiring.RedactionSecret: "the redaction key", wiring.TLSCASecret: "the CA for TLS"} {
		secret, err := secrets.Get(ctx, name, metav1.GetOptions{})
		if err := removeMade(secret, err, func(opts metav1.DeleteOptions) error {
			return secrets.Delete(ctx, name, opts)
		}); err != nil {
			return fmt.Errorf("deleting %s: %w", what, err)
		}
	}
	if namespace == r.Namespace {
		return nil // the original stays
	}
	configMap, err := configMaps.Get(ctx, wiring.ForwarderCAConfigMap, metav1.GetOptions{})
	if err := removeMade(configMap, err, func(opts metav1.DeleteOptions) error {
		return configMaps.Delete(ctx, wiring.ForwarderCAConfigMap, opts)
	}); err != nil {
		return fmt.Errorf("deleting the copy of the forwarder's CA: %w", err)
	}
	return nil
}

// removeMade deletes an object that was read with err if it carries our label.
func removeMade(object metav1.Object, err error, remove func(metav1.DeleteOptions) error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for key, value := range labels {
		if object.GetLabels()[key] != value {
			return nil
		}
	}
	uid := object.GetUID()
	err = remove(metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
