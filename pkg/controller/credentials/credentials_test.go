// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"bytes"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	ours = "restage-system"
	shop = "shop"
)

func published(ca string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: wiring.ForwarderCAConfigMap, Namespace: ours}, Data: map[string]string{caKey: ca}}
}

func reconcile(t *testing.T, cluster *controllertest.Cluster, namespace string, used bool) {
	t.Helper()
	r := &Reconciler{
		Namespace:  ours,
		Kube:       cluster.Kube,
		ConfigMaps: cluster.Caches(t).Kube.Core().V1().ConfigMaps().Lister().ConfigMaps(ours),
		Used:       func(string) (bool, error) { return used, nil },
	}
	cluster.Acting(t, func() {
		if _, err := r.Reconcile(t.Context(), types.NamespacedName{Name: namespace}); err != nil {
			t.Fatal(err)
		}
	})
}

func key(t *testing.T, cluster *controllertest.Cluster) []byte {
	t.Helper()
	secret, err := cluster.Kube.CoreV1().Secrets(shop).Get(t.Context(), wiring.RedactionSecret, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return secret.Data["redaction.key"]
}

func TestCredentialsOfAUsedNamespace(t *testing.T) {
	cluster := controllertest.New()
	reconcile(t, cluster, shop, true)
	first := key(t, cluster)
	if len(first) != redactionBytes {
		t.Errorf("the key has %d bytes, want %d", len(first), redactionBytes)
	}
	configMaps := cluster.Kube.CoreV1().ConfigMaps(shop)
	if empty, err := configMaps.Get(t.Context(), wiring.ForwarderCAConfigMap, metav1.GetOptions{}); err != nil || len(empty.Data) != 0 {
		t.Errorf("before the forwarder has published a CA the copy is %v, %v", empty, err)
	}
	for _, ca := range []string{"first", "second"} {
		_ = cluster.Kube.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("configmaps"), ours, wiring.ForwarderCAConfigMap)
		if err := cluster.Kube.Tracker().Add(published(ca)); err != nil {
			t.Fatal(err)
		}
		reconcile(t, cluster, shop, true)
		copied, err := configMaps.Get(t.Context(), wiring.ForwarderCAConfigMap, metav1.GetOptions{})
		if err != nil || copied.Data[caKey] != ca {
			t.Errorf("the copy is %v, %v; want %q", copied, err, ca)
		}
	}
	_ = cluster.Kube.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("configmaps"), ours, wiring.ForwarderCAConfigMap)
	reconcile(t, cluster, shop, true)
	if kept, err := configMaps.Get(t.Context(), wiring.ForwarderCAConfigMap, metav1.GetOptions{}); err != nil || kept.Data[caKey] != "second" {
		t.Errorf("with the original gone the copy is %v, %v", kept, err)
	}
	if !bytes.Equal(first, key(t, cluster)) {
		t.Error("the redaction key has changed")
	}
	reconcile(t, cluster, shop, false)
	if _, err := configMaps.Get(t.Context(), wiring.ForwarderCAConfigMap, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the CA is left: %v", err)
	}
	if _, err := cluster.Kube.CoreV1().Secrets(shop).Get(t.Context(), wiring.RedactionSecret, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the key is left: %v", err)
	}
}

func TestWhatIsNotOursStays(t *testing.T) {
	theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: wiring.RedactionSecret, Namespace: shop}, Data: map[string][]byte{"redaction.key": []byte("theirs")}}
	cluster := controllertest.New(theirs, published("original"))
	reconcile(t, cluster, shop, true)
	reconcile(t, cluster, shop, false)
	if string(key(t, cluster)) != "theirs" {
		t.Error("a key that somebody else made was touched")
	}
	reconcile(t, cluster, ours, true)
	reconcile(t, cluster, ours, false)
	original, err := cluster.Kube.CoreV1().ConfigMaps(ours).Get(t.Context(), wiring.ForwarderCAConfigMap, metav1.GetOptions{})
	if err != nil || original.Data[caKey] != "original" {
		t.Errorf("the forwarder's own ConfigMap is %v, %v", original, err)
	}
}
