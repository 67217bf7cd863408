// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/wiring"
)

// tlsCALifetime is long because a workload learns of a CA when it starts, and may run for long: from two thirds of it on new pods
// get a successor, so that each pod has at least the last third.
const tlsCALifetime = 2 * 365 * 24 * time.Hour

// EnsureTLS makes the CA of a namespace that signs where TLS is read, for which what Ensure makes is needed too.
func (r *Reconciler) EnsureTLS(ctx context.Context, namespace string) error {
	secrets := r.Kube.CoreV1().Secrets(namespace)
	_, err := secrets.Get(ctx, wiring.TLSCASecret, metav1.GetOptions{})
	if err == nil {
		return r.renewTLS(ctx, namespace)
	}
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("reading the CA of namespace %q: %w", namespace, err)
	}
	list, err := succeeded(nil, time.Now())
	if err != nil {
		return err
	}
	data, err := tlsData(list)
	if err != nil {
		return err
	}
	_, err = secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: wiring.TLSCASecret, Labels: labels}, Data: data,
	}, metav1.CreateOptions{FieldManager: fieldManager})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("making the CA of namespace %q: %w", namespace, err)
	}
	return nil
}

// renewTLS gives the CA of a namespace a successor when that is due, and drops what has expired. A namespace without a CA needs none.
func (r *Reconciler) renewTLS(ctx context.Context, namespace string) error {
	secrets := r.Kube.CoreV1().Secrets(namespace)
	secret, err := secrets.Get(ctx, wiring.TLSCASecret, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the CA of namespace %q: %w", namespace, err)
	}
	list, err := authority.Parse(secret.Data[wiring.TLSCACertificate], secret.Data[wiring.TLSCAKey])
	if err != nil {
		return fmt.Errorf("the CA in Secret %s/%s: %w; delete the Secret to have a new one made, and restart the workloads whose TLS is read",
			namespace, wiring.TLSCASecret, err)
	}
	renewed, err := succeeded(list, time.Now())
	if err != nil || bytes.Equal(renewed.Bundle(), list.Bundle()) {
		return err
	}
	secret = secret.DeepCopy()
	if secret.Data, err = tlsData(renewed); err != nil {
		return err
	}
	if _, err := secrets.Update(ctx, secret, metav1.UpdateOptions{FieldManager: fieldManager}); err != nil {
		return fmt.Errorf("renewing the CA of namespace %q: %w", namespace, err)
	}
	klog.FromContext(ctx).Info("Renewed the CA for TLS that is read", "secret", klog.KRef(namespace, wiring.TLSCASecret),
		"notAfter", renewed[0].Certificate.NotAfter, "cas", len(renewed))
	return nil
}

// succeeded has a new CA in front when there is none or the newest is due, and lacks what has expired.
func succeeded(list authority.List, now time.Time) (authority.List, error) {
	list = slices.DeleteFunc(slices.Clone(list), func(a authority.Authority) bool { return !now.Before(a.Certificate.NotAfter) })
	if len(list) > 0 && !authority.Due(list[0].Certificate, now) {
		return list, nil
	}
	fresh, err := authority.New(wiring.TLSCASecret, tlsCALifetime, now)
	if err != nil {
		return nil, err
	}
	return append(authority.List{fresh}, list...), nil
}

func tlsData(list authority.List) (map[string][]byte, error) {
	keys, err := list.Keys()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{wiring.TLSCACertificate: list.Bundle(), wiring.TLSCAKey: keys}, nil
}
