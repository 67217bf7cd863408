// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package descriptorset

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/utils/lru"
)

// maxVerdicts bounds how many states of ConfigMaps are remembered.
const maxVerdicts = 1024

// Verdicts remember which descriptor sets can be read. A set may have a MiB, and it is asked for every few seconds: so only what tells whether it has
// changed is read, and the set itself when it has.
type Verdicts struct {
	kube     kubernetes.Interface
	metadata metadata.Interface
	known    *lru.Cache // of errors by state
}

// state is one that a ConfigMap was in.
type state struct {
	uid     types.UID
	version string
}

// NewVerdicts returns Verdicts that read with these clients.
func NewVerdicts(kube kubernetes.Interface, metadata metadata.Interface) *Verdicts {
	return &Verdicts{kube: kube, metadata: metadata, known: lru.New(maxVerdicts)}
}

// Check returns the error that Read would.
func (v *Verdicts) Check(ctx context.Context, namespace, name string) error {
	is, err := v.metadata.Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("looking for ConfigMap %q: %w", name, err)
	}
	if verdict, ok := v.known.Get(state{is.UID, is.ResourceVersion}); ok {
		err, _ := verdict.(error)
		return err
	}
	object, err := get(ctx, v.kube, namespace, name)
	if err != nil {
		return err
	}
	_, err = read(object)
	v.known.Add(state{object.UID, object.ResourceVersion}, err)
	return err
}
