// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"bytes"
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/authority"
)

// CAKey is the key of the Secret and the ConfigMap that holds the CA certificates, as PEM, newest first.
const CAKey = "ca.crt"

// keyOfCA is the key of the Secret that holds the private keys in the same order.
const keyOfCA = "ca.key"

// managedBy marks the objects that are made here.
var managedBy = map[string]string{"app.kubernetes.io/part-of": "restage"}

// ensureAuthorities reads the CAs from the Secret, makes or renews them when that is due, and returns those that hold
// for all replicas: whoever writes first wins.
func (m *Manager) ensureAuthorities(ctx context.Context, now time.Time) (known authority.List, err error) {
	err = retry.OnError(retry.DefaultBackoff, raced, func() error {
		known, err = m.readOrRenew(ctx, now)
		return err
	})
	return known, err
}

// raced tells that another replica wrote in between.
func raced(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)
}

func (m *Manager) readOrRenew(ctx context.Context, now time.Time) (authority.List, error) {
	secret, err := m.client.CoreV1().Secrets(m.opts.Namespace).Get(ctx, m.opts.SecretName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return m.restore(ctx, now)
	}
	if err != nil {
		return nil, err
	}
	stored, err := authority.Parse(secret.Data[CAKey], secret.Data[keyOfCA])
	if err != nil {
		return nil, fmt.Errorf("%w; delete the Secret to have a new CA made", err)
	}
	known := needed(stored, m.opts.Lifetimes.Settle, now)
	if len(known) == 0 || authority.Due(known[0].Certificate, now) {
		if known, err = succeeded(known, m.opts.SecretName, m.opts.Lifetimes, now); err != nil {
			return nil, err
		}
	}
	if bytes.Equal(known.Bundle(), stored.Bundle()) {
		return known, nil
	}
	secret = secret.DeepCopy()
	if secret.Data, err = secretData(known); err != nil {
		return nil, err
	}
	_, err = m.client.CoreV1().Secrets(m.opts.Namespace).Update(ctx, secret, metav1.UpdateOptions{})
	return known, err
}

// restore writes a Secret that is not there: the CAs that this process knows, which clients trust, and a new one.
func (m *Manager) restore(ctx context.Context, now time.Time) (authority.List, error) {
	m.mu.RLock()
	known := m.known
	m.mu.RUnlock()
	known, err := succeeded(needed(known, m.opts.Lifetimes.Settle, now), m.opts.SecretName, m.opts.Lifetimes, now)
	if err != nil {
		return nil, err
	}
	data, err := secretData(known)
	if err != nil {
		return nil, err
	}
	_, err = m.client.CoreV1().Secrets(m.opts.Namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: m.opts.SecretName, Namespace: m.opts.Namespace, Labels: managedBy},
		Data:       data,
	}, metav1.CreateOptions{})
	if err == nil {
		klog.FromContext(ctx).Info("Made a CA", "secret", klog.KRef(m.opts.Namespace, m.opts.SecretName),
			"notAfter", known[0].Certificate.NotAfter, "predecessors", len(known)-1)
	}
	return known, err
}

// secretData is what the Secret holds.
func secretData(as authority.List) (map[string][]byte, error) {
	keys, err := as.Keys()
	if err != nil {
		return nil, err
	}
	return map[string][]byte{CAKey: as.Bundle(), keyOfCA: keys}, nil
}

// publish writes the CA certificates where clients find them.
func (m *Manager) publish(ctx context.Context, bundle []byte) error {
	configMaps := m.client.CoreV1().ConfigMaps(m.opts.Namespace)
	return retry.OnError(retry.DefaultBackoff, raced, func() error {
		configMap, err := configMaps.Get(ctx, m.opts.ConfigMapName, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			_, err = configMaps.Create(ctx, &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: m.opts.ConfigMapName, Namespace: m.opts.Namespace, Labels: managedBy},
				Data:       map[string]string{CAKey: string(bundle)},
			}, metav1.CreateOptions{})
			return err
		}
		if err != nil || bytes.Equal([]byte(configMap.Data[CAKey]), bundle) {
			return err
		}
		configMap = configMap.DeepCopy()
		configMap.Data = map[string]string{CAKey: string(bundle)}
		_, err = configMaps.Update(ctx, configMap, metav1.UpdateOptions{})
		return err
	})
}
