// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package testserver runs a whole restage-apiserver in the process of a test: embedded etcd, admission, serving
// certificate. Only its host, the API server of a cluster, is client-go's fake.
package testserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"google.golang.org/grpc"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	aggregatorfake "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/fake"

	"github.com/restage-dev/restage/pkg/apiserver"
	"github.com/restage-dev/restage/pkg/certs"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
)

const (
	namespace    = "restage-system"
	startTimeout = 2 * time.Minute
)

// Server is a running server.
type Server struct {
	// Config is for clients of the server; it trusts its self-made CA.
	Config *rest.Config
	Client versioned.Interface
	// Host is the fake API server of the cluster. Workloads and namespaces go there.
	Host kubernetes.Interface

	options *apiserver.Options
	cancel  context.CancelFunc
	done    chan error
	remove  string // directory that goes with the server
}

// Start runs a server that knows the objects as those of its host; namespaces must be among them.
// The caller calls Stop. Everyone may do everything.
func Start(ctx context.Context, forwarder grpc.ClientConnInterface, objects ...runtime.Object) (*Server, error) {
	return StartWith(ctx, apiserver.NewOptions(), forwarder, objects...)
}

// StartWith is Start with options. Where they name a directory for the data, it stays, with what an earlier server left there.
func StartWith(ctx context.Context, o *apiserver.Options, forwarder grpc.ClientConnInterface, objects ...runtime.Object) (*Server, error) {
	if o.EmbeddedEtcd.DataDir != apiserver.NewOptions().EmbeddedEtcd.DataDir {
		return start(ctx, o, forwarder, objects...)
	}
	// Not the test's own directory, whose name may be too long for a socket.
	dir, err := os.MkdirTemp("", "restage")
	if err != nil {
		return nil, err
	}
	o.EmbeddedEtcd.DataDir = dir
	s, err := start(ctx, o, forwarder, objects...)
	if err != nil {
		return nil, err
	}
	s.remove = dir
	return s, nil
}

// Etcd returns the addresses of the etcd that holds the objects.
func (s *Server) Etcd() []string {
	return s.options.Etcd.StorageConfig.Transport.ServerList
}

func start(ctx context.Context, o *apiserver.Options, forwarder grpc.ClientConnInterface, objects ...runtime.Object) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	host := fake.NewClientset(objects...)
	o.Namespace, o.ProxyImage = namespace, "restage/proxy:test"
	o.SecureServing.Listener = listener
	o.Authentication, o.Authorization = nil, nil
	o.ServerRun.ShutdownDelayDuration = 0
	ctx, cancel := context.WithCancel(ctx)
	s := &Server{Host: host, options: o, cancel: cancel, done: make(chan error, 1)}
	go func() {
		s.done <- o.Serve(ctx, &apiserver.Host{
			Client: host, Dynamic: dynamicfake.NewSimpleDynamicClient(clientscheme.Scheme), Registrations: aggregatorfake.NewClientset(),
			Informers: informers.NewSharedInformerFactory(host, 0),
		}, forwarder)
	}()
	if err := s.connect(ctx, "https://"+listener.Addr().String()); err != nil {
		return nil, fmt.Errorf("starting the test server: %w", err)
	}
	return s, nil
}

// connect waits until the server is ready.
func (s *Server) connect(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	// A server that has ended leaves its listener open, and nobody answers.
	probe := &http.Client{Timeout: time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // only a probe
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.done:
			return fmt.Errorf("the server ended: %w", err)
		case <-tick.C:
		}
		if ready(ctx, probe, url) {
			tick.Stop()
			break
		}
	}
	ca, err := s.Host.CoreV1().ConfigMaps(namespace).Get(ctx, apiserver.CAName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	s.Config = &rest.Config{
		Host: url, QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{
			CAData: []byte(ca.Data[certs.CAKey]), ServerName: apiserver.ServiceName + "." + namespace + ".svc",
		},
	}
	s.Client, err = versioned.NewForConfig(s.Config)
	return err
}

func ready(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// Stop ends the server and removes the data that Start has made. The error is that of the server.
func (s *Server) Stop() error {
	s.cancel()
	err := <-s.done
	if s.remove != "" {
		err = errors.Join(err, os.RemoveAll(s.remove))
	}
	return err
}
