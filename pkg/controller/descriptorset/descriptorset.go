// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package descriptorset reads the descriptor sets that captures name.
package descriptorset

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/wiring"
)

// UnreadableError says what a user has to do about a ConfigMap that is there.
type UnreadableError struct{ why string }

func (e UnreadableError) Error() string { return e.why }

// Read returns the descriptor set in a ConfigMap, as it is written there. The error is an UnreadableError when there is none.
func Read(ctx context.Context, kube kubernetes.Interface, namespace, name string) ([]byte, error) {
	object, err := get(ctx, kube, namespace, name)
	if err != nil {
		return nil, err
	}
	return read(object)
}

func get(ctx context.Context, kube kubernetes.Interface, namespace, name string) (*corev1.ConfigMap, error) {
	object, err := kube.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading ConfigMap %q: %w", name, err)
	}
	return object, nil
}

func read(object *corev1.ConfigMap) ([]byte, error) {
	data, ok := object.BinaryData[wiring.DescriptorSetKey]
	if !ok { // which kubectl makes of bytes that happen to be text
		text, isText := object.Data[wiring.DescriptorSetKey]
		data, ok = []byte(text), isText
	}
	if !ok {
		return nil, UnreadableError{fmt.Sprintf("ConfigMap %q has no key %q", object.Name, wiring.DescriptorSetKey)}
	}
	if _, err := descriptor.Parse(data); err != nil {
		return nil, UnreadableError{fmt.Sprintf("key %q of ConfigMap %q: %v", wiring.DescriptorSetKey, object.Name, err)}
	}
	return data, nil
}
