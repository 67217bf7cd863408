// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"bytes"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/wiring"
)

// tlsCA reads the CAs of the shop.
func tlsCA(t *testing.T, cluster *controllertest.Cluster) authority.List {
	t.Helper()
	secret, err := cluster.Kube.CoreV1().Secrets(shop).Get(t.Context(), wiring.TLSCASecret, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := authority.Parse(secret.Data[wiring.TLSCACertificate], secret.Data[wiring.TLSCAKey])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func ensureTLS(t *testing.T, cluster *controllertest.Cluster) (err error) {
	t.Helper()
	cluster.Acting(t, func() { err = (&Reconciler{Kube: cluster.Kube}).EnsureTLS(t.Context(), shop) })
	return err
}

func TestTLSCAIsMadeOnceAndRemoved(t *testing.T) {
	cluster := controllertest.New()
	reconcile(t, cluster, shop, true)
	if _, err := cluster.Kube.CoreV1().Secrets(shop).Get(t.Context(), wiring.TLSCASecret, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("a CA was made that nobody asked for: %v", err)
	}
	for range 2 {
		if err := ensureTLS(t, cluster); err != nil {
			t.Fatal(err)
		}
	}
	first := tlsCA(t, cluster)
	reconcile(t, cluster, shop, true)
	if again := tlsCA(t, cluster); len(again) != 1 || !bytes.Equal(again.Bundle(), first.Bundle()) {
		t.Errorf("there are %d CAs, want the first one", len(again))
	}
	reconcile(t, cluster, shop, false)
	if _, err := cluster.Kube.CoreV1().Secrets(shop).Get(t.Context(), wiring.TLSCASecret, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the CA is left: %v", err)
	}
}

func TestTLSCAGetsASuccessor(t *testing.T) {
	old, err := authority.New("old", 3*time.Hour, time.Now().Add(-2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	expired, err := authority.New("expired", time.Hour, time.Now().Add(-2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	data, err := tlsData(authority.List{old, expired})
	if err != nil {
		t.Fatal(err)
	}
	cluster := controllertest.New(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: wiring.TLSCASecret, Namespace: shop, Labels: labels}, Data: data})
	reconcile(t, cluster, shop, true)
	got := tlsCA(t, cluster)
	if len(got) != 2 || !got[1].Certificate.Equal(old.Certificate) || got[0].Certificate.NotAfter.Before(old.Certificate.NotAfter) {
		t.Errorf("there are %d CAs, want a new one before the old one, and not the expired one", len(got))
	}
}

func TestBadTLSCAIsNotOverwritten(t *testing.T) {
	cluster := controllertest.New(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: wiring.TLSCASecret, Namespace: shop}})
	if err := ensureTLS(t, cluster); err == nil || !strings.Contains(err.Error(), "delete the Secret") {
		t.Errorf("error %v does not say what to do", err)
	}
}
