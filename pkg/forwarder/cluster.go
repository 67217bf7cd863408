// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/certs"
	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/wiring"
)

// tlsSecret holds the CA of the serving certificate, in the namespace of the forwarder.
const tlsSecret = "restage-forwarder-tls"

const (
	certificateRetry = 2 * time.Second
	// Reviews are cached, so that only new tokens and questions go to the API server.
	clientQPS   = 100
	clientBurst = 200
)

// ClusterOptions are the flags of restage-forwarder, which runs in a cluster.
type ClusterOptions struct {
	Listen       string
	HealthListen string
	DataDir      string
	StorageURL   string
	Retention    time.Duration
	SealInterval time.Duration
	LogLimit     int64
	Namespace    string
	ServiceName  string
	Kubeconfig   string
	Certificates certs.Lifetimes
}

// AddFlags adds the flags with their defaults.
func (o *ClusterOptions) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.Listen, "listen", fmt.Sprintf(":%d", wiring.ForwarderPort), "Address to serve gRPC over TLS on.")
	flags.StringVar(&o.HealthListen, "health-listen", fmt.Sprintf(":%d", wiring.ForwarderHealthPort), "Address to serve /livez, /readyz and /metrics on, by HTTP.")
	flags.StringVar(&o.DataDir, "data-dir", "/var/lib/restage", "Directory of the write-ahead log, and of all storage unless --storage-url is set. It must outlive the process, and only one process may use it.")
	flags.StringVar(&o.StorageURL, "storage-url", "", "Where traffic, snapshots and reports are kept: file:///directory or s3://bucket?region=name. Default: the directory storage within --data-dir.")
	flags.DurationVar(&o.Retention, "retention", 24*time.Hour, "How long recorded traffic is kept. Snapshots and reports are kept until they are deleted.")
	flags.DurationVar(&o.SealInterval, "seal-interval", time.Minute, "How long records stay in the write-ahead log before they are sealed into files.")
	flags.Int64Var(&o.LogLimit, "log-limit-bytes", 1<<30, "Size of the write-ahead log from which on proxies wait until some of it is sealed.")
	flags.StringVar(&o.Namespace, "namespace", os.Getenv("POD_NAMESPACE"), "Namespace the forwarder runs in. Default: the environment variable POD_NAMESPACE.")
	flags.StringVar(&o.ServiceName, "service-name", "restage-forwarder", "Service by which the forwarder is reached; its serving certificate is for its names.")
	o.Certificates.AddFlag(flags)
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "Kubeconfig to reach the API server with. Default: the service account of the pod.")
}

// RunInCluster runs a forwarder that asks the API server about its callers, and keeps its certificate there.
func RunInCluster(ctx context.Context, o ClusterOptions) error {
	if o.Namespace == "" {
		return errors.New("--namespace: must be set, or the environment variable POD_NAMESPACE")
	}
	config, err := restConfig(o.Kubeconfig)
	if err != nil {
		return fmt.Errorf("reaching the API server: %w", err)
	}
	config.QPS, config.Burst = clientQPS, clientBurst
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("reaching the API server: %w", err)
	}
	manager := certs.NewManager(client, certs.Options{
		Namespace: o.Namespace, SecretName: tlsSecret, ConfigMapName: wiring.ForwarderCAConfigMap,
		DNSNames: certs.ServiceNames(o.ServiceName, o.Namespace), Lifetimes: o.Certificates,
	})
	if !firstCertificate(ctx, manager) {
		return nil
	}

	options := Options{
		Certificate: manager.GetCertificate, Reviewer: auth.Kubernetes{Client: client},
		DataDir: o.DataDir, StorageURL: o.StorageURL, Retention: o.Retention, SealInterval: o.SealInterval, LogLimit: o.LogLimit,
	}
	if options.Listener, err = net.Listen("tcp", o.Listen); err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if options.HealthListener, err = net.Listen("tcp", o.HealthListen); err != nil {
		return fmt.Errorf("--health-listen: %w", err)
	}
	f, err := New(ctx, options)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.Run(ctx) })
	group.Go(func() error { manager.Run(ctx); return nil })
	return group.Wait()
}

func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", kubeconfig)
}

// firstCertificate waits for the first certificate: the API server, or the right to ask it, may come a little later. It
// returns false when the context ends first.
func firstCertificate(ctx context.Context, manager *certs.Manager) bool {
	for {
		err := manager.Sync(ctx)
		if err == nil {
			return true
		}
		klog.FromContext(ctx).Error(err, "Making the first serving certificate failed; it will be tried again", "after", certificateRetry)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(certificateRetry):
		}
	}
}
