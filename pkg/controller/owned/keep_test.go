// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package owned

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// What is as wanted is left as it is. What has changed is applied, and so is that of which it cannot be told.
func TestKeep(t *testing.T) {
	kube := fake.NewClientset()
	configMaps := kube.CoreV1().ConfigMaps("shop")
	config := func(value string) *coreapply.ConfigMapApplyConfiguration {
		return coreapply.ConfigMap("settings", "shop").WithData(map[string]string{"key": value})
	}
	fails := func(*corev1.ConfigMap, string) (*coreapply.ConfigMapApplyConfiguration, error) {
		return nil, errors.New("no fields")
	}
	for _, step := range []struct {
		value   string
		extract Extract[*corev1.ConfigMap, coreapply.ConfigMapApplyConfiguration]
		writes  int
	}{
		{"a", coreapply.ExtractConfigMap, 1}, {"a", coreapply.ExtractConfigMap, 0}, {"b", coreapply.ExtractConfigMap, 1}, {"b", fails, 1},
	} {
		kube.ClearActions()
		if err := Keep(t.Context(), configMaps, step.extract, "ConfigMap", "settings", "test", config(step.value)); err != nil {
			t.Fatal(err)
		}
		writes := 0
		for _, action := range kube.Actions() {
			if action.GetVerb() != "get" {
				writes++
			}
		}
		if held, err := configMaps.Get(t.Context(), "settings", metav1.GetOptions{}); err != nil || held.Data["key"] != step.value || writes != step.writes {
			t.Errorf("there is %v after %d writes, want %d, error %v", held, writes, step.writes, err)
		}
	}
}
