// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package marker keeps the server from coming up without the data that it had.
//
// A server that lost its store, or took another one, would show the cluster that all objects are gone, and the garbage
// collector would delete everything that belongs to them. So the store has an ID, which is also kept in the host, in a
// ConfigMap, along with the highest revision known of it: a store that is not that one, or that went back in time, is refused.
package marker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
	"k8s.io/klog/v2"
)

const (
	// ConfigMapName is the name of the ConfigMap, in the namespace of the server.
	ConfigMapName = "restage-apiserver-store"

	keyID       = "id"
	keyRevision = "revision"

	recordInterval = 5 * time.Minute
	callTimeout    = 10 * time.Second
	// storeTimeout is how long an etcd that cannot be reached is waited for.
	storeTimeout = time.Minute
)

// ErrNotOurs is the cause when the store is not the one that the ConfigMap names.
var ErrNotOurs = errors.New("the store is not the one that was here")

// Marker is the ConfigMap of a store.
type Marker struct {
	Host      kubernetes.Interface
	Namespace string
	Store     *clientv3.Client
	// Key is where the store has its ID.
	Key string
}

// Verify returns the ID of the store when it is the one that was here before, or when there was none. It gives an ID to a
// store that has none, and waits a minute for one that does not answer.
func (m Marker) Verify(ctx context.Context) (id string, err error) {
	var revision int64
	err = retry.OnError(retry.DefaultBackoff, raced, func() error {
		_, id, revision, err = m.check(ctx, m.readPatiently)
		return err
	})
	if err != nil {
		return "", err
	}
	klog.FromContext(ctx).Info("The store is the expected one", "store", id, "revision", revision)
	return id, nil
}

// check compares the ConfigMap with the store and makes what is missing where neither knows of the other.
func (m Marker) check(ctx context.Context, read func(context.Context) (string, int64, error)) (recorded *corev1.ConfigMap, id string, revision int64, err error) {
	recorded, err = m.configMaps().Get(ctx, ConfigMapName, metav1.GetOptions{})
	absent := apierrors.IsNotFound(err)
	if err != nil && !absent {
		return nil, "", 0, fmt.Errorf("reading ConfigMap %s/%s: %w", m.Namespace, ConfigMapName, err)
	}
	// Only now: what another replica has recorded, the store had reached before.
	if id, revision, err = read(ctx); err != nil {
		return nil, "", 0, err
	}
	if !absent {
		return recorded, id, revision, m.compare(recorded, id, revision)
	}
	if id == "" {
		if id, err = m.name(ctx); err != nil {
			return nil, "", 0, err
		}
	}
	recorded, err = m.create(ctx, id, revision)
	return recorded, id, revision, err
}

// compare tells why the store is not the recorded one.
func (m Marker) compare(recorded *corev1.ConfigMap, id string, revision int64) error {
	want := recorded.Data[keyID]
	known, err := strconv.ParseInt(recorded.Data[keyRevision], 10, 64)
	if want == "" || err != nil {
		return fmt.Errorf("ConfigMap %s/%s: %s and %s must be the ID and the revision of the store, not %q and %q; delete it to accept the store as it is",
			m.Namespace, ConfigMapName, keyID, keyRevision, want, recorded.Data[keyRevision])
	}
	var problem string
	switch {
	case id == "":
		problem = fmt.Sprintf("store %s was here and is lost: this one has no ID", want)
	case id != want:
		problem = fmt.Sprintf("store %s was here, this one is %s", want, id)
	case revision < known:
		problem = fmt.Sprintf("it has gone back in time, from revision %d to %d, which clients would not notice", known, revision)
	default:
		return nil
	}
	return fmt.Errorf("%w: %s. Nothing is served, since the garbage collector would delete what belongs to objects that are missing. "+
		"Restore a backup (restage-apiserver restore), bring back the volume, or, to accept the store as it is, "+
		"delete ConfigMap %s/%s", ErrNotOurs, problem, m.Namespace, ConfigMapName)
}

// Run records the revision of the store from time to time until the context ends, then once more. It ends early, with an
// error, when the store has become another one.
func (m Marker) Run(ctx context.Context) error {
	for ended := false; !ended; {
		select {
		case <-ctx.Done():
			ended = true
		case <-time.After(recordInterval):
		}
		err := m.Record(context.WithoutCancel(ctx))
		if errors.Is(err, ErrNotOurs) {
			return err
		}
		if err != nil {
			klog.FromContext(ctx).Error(err, "Recording the revision of the store failed")
		}
	}
	return nil
}

// Record writes the present revision of the store into the ConfigMap. One that was deleted meanwhile is made again.
func (m Marker) Record(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return retry.OnError(retry.DefaultBackoff, raced, func() error {
		recorded, _, revision, err := m.check(ctx, m.read)
		if err != nil || recorded.Data[keyRevision] == strconv.FormatInt(revision, 10) {
			return err
		}
		recorded = recorded.DeepCopy()
		recorded.Data[keyRevision] = strconv.FormatInt(revision, 10)
		_, err = m.configMaps().Update(ctx, recorded, metav1.UpdateOptions{})
		return err
	})
}
