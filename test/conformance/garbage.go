// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// garbageCollection follows references between our objects and the host's, in both directions.
func (c *check) garbageCollection(t *testing.T) {
	if c.Host == nil {
		return
	}
	for _, policy := range []metav1.DeletionPropagation{
		metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan,
	} {
		t.Run("owner/"+string(policy), func(t *testing.T) { c.ownConfigMap(t, policy) })
		if !c.kind.clusterScoped { // which nothing in a namespace may own
			t.Run("dependent/"+string(policy), func(t *testing.T) { c.ownedByConfigMap(t, policy) })
		}
	}
}

// ownConfigMap makes a ConfigMap that one of our objects owns, and deletes our object.
func (c *check) ownConfigMap(t *testing.T, policy metav1.DeletionPropagation) {
	ctx, configMaps := t.Context(), c.Host.CoreV1().ConfigMaps(c.Namespace)
	owner := c.make(t, "owner")
	dependent := c.configMap(t, metav1.OwnerReference{
		APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: c.kind.name, Name: owner.GetName(), UID: owner.GetUID(), BlockOwnerDeletion: ptr.To(true),
	})
	last := c.configMap(t, absentOwner())
	eventually(t, "the collector knows the dependent", func(ctx context.Context) (bool, error) {
		_, err := configMaps.Get(ctx, last.Name, metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
	if err := c.objects.Delete(ctx, "owner", metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the owner goes", func(ctx context.Context) (bool, error) {
		_, err := c.objects.Get(ctx, "owner", metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
	left, err := configMaps.Get(ctx, dependent.Name, metav1.GetOptions{})
	switch policy {
	case metav1.DeletePropagationForeground:
		if !apierrors.IsNotFound(err) {
			t.Errorf("the owner went before its dependent: %v", err)
		}
	case metav1.DeletePropagationOrphan:
		if err != nil || len(left.OwnerReferences) > 0 {
			t.Errorf("the orphan is owned by %v, error %v", left.OwnerReferences, err)
		}
	default:
		eventually(t, "the dependent goes", func(ctx context.Context) (bool, error) {
			_, err := configMaps.Get(ctx, dependent.Name, metav1.GetOptions{})
			return apierrors.IsNotFound(err), nil
		})
	}
}

// ownedByConfigMap makes one of our objects that a ConfigMap owns, and deletes the ConfigMap.
func (c *check) ownedByConfigMap(t *testing.T, policy metav1.DeletionPropagation) {
	ctx := t.Context()
	owner := c.configMap(t)
	c.make(t, "dependent", owned(metav1.OwnerReference{
		APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID, BlockOwnerDeletion: ptr.To(true),
	}))
	c.make(t, "last", owned(absentOwner()))
	eventually(t, "the collector knows the dependent", func(ctx context.Context) (bool, error) {
		_, err := c.objects.Get(ctx, "last", metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
	if err := c.Host.CoreV1().ConfigMaps(c.Namespace).Delete(ctx, owner.Name, metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the dependent follows its owner", func(ctx context.Context) (bool, error) {
		left, err := c.objects.Get(ctx, "dependent", metav1.GetOptions{})
		if policy == metav1.DeletePropagationOrphan {
			return err == nil && len(left.GetOwnerReferences()) == 0, err
		}
		return apierrors.IsNotFound(err), nil
	})
}

// absentOwner never was, so that the garbage collector removes what it owns. It learns of objects of one kind in the order in which they
// were made: when such a one has gone, it knows all before. An owner that is deleted earlier takes dependents along that the
// collector does not know of, whatever the policy, as everywhere in Kubernetes.
func absentOwner() metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "conformance-absent", UID: uuid.NewUUID()}
}

// configMap makes a ConfigMap of the host.
func (c *check) configMap(t *testing.T, owners ...metav1.OwnerReference) *corev1.ConfigMap {
	t.Helper()
	configMaps := c.Host.CoreV1().ConfigMaps(c.Namespace)
	made, err := configMaps.Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "conformance-", OwnerReferences: owners},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := configMaps.Delete(context.Background(), made.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("removing ConfigMap %s: %v", made.Name, err)
		}
	})
	return made
}
