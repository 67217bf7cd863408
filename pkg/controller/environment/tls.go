// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/controller/owned"
	"github.com/restage-dev/restage/pkg/wiring"
)

// caLifetime is longer than any environment stands.
const caLifetime = 10 * 365 * 24 * time.Hour

// applyCA makes the CA that certifies what the responder plays over TLS. Its key is mounted in the responder alone, and the copies trust it and
// run nowhere else.
func (r *Reconciler) applyCA(ctx context.Context, m *making) error {
	name, namespace := ResponderName(m.environment.Name), m.environment.Namespace
	secrets := r.Kube.CoreV1().Secrets(namespace)
	existing, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if err == nil && !metav1.IsControlledBy(existing, m.environment) {
		return owned.Contest(ctx, secrets, "Secret", existing, m.owner.Controller)
	}
	if !apierrors.IsNotFound(err) {
		return err
	}
	ca, err := authority.New("restage-environment", caLifetime, time.Now())
	if err != nil {
		return err
	}
	key, err := authority.EncodeKey(ca.Key)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Data:       map[string][]byte{wiring.TLSCACertificate: authority.EncodeCertificate(ca.Certificate), wiring.TLSCAKey: key},
	}
	owned.Adopt(secret, m.owner)
	_, err = secrets.Create(ctx, secret, metav1.CreateOptions{FieldManager: m.owner.FieldManager})
	return err
}
