// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package marker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/klog/v2"
)

// raced tells that another replica wrote in between.
func raced(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)
}

func (m Marker) configMaps() typedcorev1.ConfigMapInterface {
	return m.Host.CoreV1().ConfigMaps(m.Namespace)
}

func (m Marker) create(ctx context.Context, id string, revision int64) (*corev1.ConfigMap, error) {
	return m.configMaps().Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: ConfigMapName, Namespace: m.Namespace, Labels: map[string]string{"app.kubernetes.io/part-of": "restage"},
			Annotations: map[string]string{
				"kubernetes.io/description": "The store that restage-apiserver may serve. Delete it only to accept another or an empty one.",
			},
		},
		Data: map[string]string{keyID: id, keyRevision: strconv.FormatInt(revision, 10)},
	}, metav1.CreateOptions{})
}

// readPatiently is read for a store that may not be up yet.
func (m Marker) readPatiently(ctx context.Context) (id string, revision int64, err error) {
	deadline := time.Now().Add(storeTimeout)
	for {
		id, revision, err = m.read(ctx)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return id, revision, err
		}
		klog.FromContext(ctx).Error(err, "Waiting for the store")
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// read returns the store's ID, "" when it has none, and its revision.
func (m Marker) read(ctx context.Context) (id string, revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := m.Store.Get(ctx, m.Key)
	if err != nil {
		return "", 0, fmt.Errorf("reading the ID of the store: %w", err)
	}
	if len(response.Kvs) > 0 {
		id = string(response.Kvs[0].Value)
	}
	return id, response.Header.Revision, nil
}

// name gives the store an ID, unless another replica was faster, and returns the one that it has.
func (m Marker) name(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	id := uuid.NewString()
	response, err := m.Store.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(m.Key), "=", 0)).
		Then(clientv3.OpPut(m.Key, id)).
		Else(clientv3.OpGet(m.Key)).Commit()
	if err != nil {
		return "", fmt.Errorf("giving the store an ID: %w", err)
	}
	if response.Succeeded {
		return id, nil
	}
	kvs := response.Responses[0].GetResponseRange().Kvs
	if len(kvs) == 0 {
		return "", errors.New("giving the store an ID: it was there and is not")
	}
	return string(kvs[0].Value), nil
}
