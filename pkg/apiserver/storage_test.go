// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	aggregatorfake "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/fake"

	"github.com/restage-dev/restage/pkg/apiserver/marker"
)

func TestServerDoesNotComeUpEmptyWhereDataWas(t *testing.T) {
	host := fake.NewClientset()
	serve := func(ctx context.Context) error {
		dir, err := os.MkdirTemp("", "storage")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer listener.Close()
		o := NewOptions()
		o.Namespace, o.EmbeddedEtcd.DataDir, o.SecureServing.Listener = "restage-system", dir, listener
		o.Authentication, o.Authorization, o.ServerRun.ShutdownDelayDuration = nil, nil, 0
		return o.Serve(ctx, &Host{
			Client: host, Dynamic: dynamicfake.NewSimpleDynamicClient(clientscheme.Scheme), Registrations: aggregatorfake.NewClientset(),
			Informers: informers.NewSharedInformerFactory(host, 0),
		}, nil)
	}
	ctx, stop := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- serve(ctx) }()
	// The CA is made after the store was accepted.
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := host.CoreV1().ConfigMaps("restage-system").Get(ctx, CAName, metav1.GetOptions{})
		return err == nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-first; err != nil {
		t.Fatalf("the first server ended with %v", err)
	}
	if err := serve(t.Context()); !errors.Is(err, marker.ErrNotOurs) {
		t.Fatalf("a server with another volume gave %v", err)
	}
	if err := host.CoreV1().ConfigMaps("restage-system").Delete(t.Context(), marker.ConfigMapName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx, stop = context.WithCancel(t.Context())
	stop()
	if err := serve(ctx); errors.Is(err, marker.ErrNotOurs) {
		t.Errorf("when told to begin anew it gave %v", err)
	}
}
