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
)

// CAKey is the key of the Secret and the ConfigMap that holds the CA certificates, as PEM, newest first.
const CAKey = "ca.crt"

// keyOfCA is the key of the Secret that holds the private keys in the same order.
const keyOfCA = "ca.key"

// managedBy marks the objects that are made here.
var managedBy = map[string]string{"app.kubernetes.io/part-of": "restage"}

// ensureAuthorities reads the CAs from the Secret, makes or renews them when that is due, and returns those that hold
// for all replicas: whoever writes first wins.
func (m *Manager) ensureAuthorities(ctx context.Context, now time.Time) (known authorities, err error) {
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

func (m *Manager) readOrRenew(ctx context.Context, now time.Time) (authorities, error) {
	secrets := m.client.CoreV1().Secrets(m.opts.Namespace)
	secret, err := secrets.Get(ctx, m.opts.SecretName, metav1.GetOptions{})
	exists := err == nil
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, err
	}
	var known authorities
	if exists {
		known, err = parseAuthorities(secret.Data[CAKey], secret.Data[keyOfCA])
		if err != nil {
			return nil, fmt.Errorf("%w; delete the Secret to have a new CA made", err)
		}
	}
	known, changed, err := known.renewed(m.opts.SecretName, now)
	if err != nil || !changed {
		return known, err
	}
	keys, err := known.keys()
	if err != nil {
		return nil, err
	}
	data := map[string][]byte{CAKey: known.bundle(), keyOfCA: keys}
	if exists {
		secret = secret.DeepCopy()
		secret.Data = data
		_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{})
		return known, err
	}
	_, err = secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: m.opts.SecretName, Namespace: m.opts.Namespace, Labels: managedBy},
		Data:       data,
	}, metav1.CreateOptions{})
	return known, err
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
