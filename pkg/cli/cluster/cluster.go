// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package cluster is what the commands of kubectl restage know of the cluster: the flags that kubectl has for it, and the clients.
package cluster

import (
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/workload"
)

// Cluster is the one that --kubeconfig, --context and the rest of kubectl's flags choose. Nothing is read before it is asked for.
type Cluster struct {
	Flags *genericclioptions.ConfigFlags
}

// New returns a Cluster whose flags are yet to be parsed. Warnings of the API go to the errors of streams, once each.
func New(streams genericiooptions.IOStreams) *Cluster {
	warnings := rest.NewWarningWriter(streams.ErrOut, rest.WarningWriterOptions{Deduplicate: true, Color: printers.AllowsColorOutput(streams.ErrOut)})
	flags := genericclioptions.NewConfigFlags(true)
	flags.WithWrapConfigFn(func(config *rest.Config) *rest.Config {
		config.WarningHandler = warnings
		config.QPS = -1 // commands ask for one thing after the other, and the server has fairness of its own
		return config
	})
	return &Cluster{flags}
}

// AddFlags adds kubectl's flags.
func (c *Cluster) AddFlags(flags *pflag.FlagSet) { c.Flags.AddFlags(flags) }

// REST returns the configuration of a client.
func (c *Cluster) REST() (*rest.Config, error) {
	config, err := c.Flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return config, nil
}

// Namespace returns the one that --namespace or the kubeconfig names.
func (c *Cluster) Namespace() (string, error) {
	namespace, _, err := c.Flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return namespace, nil
}

// Kube returns a client of Kubernetes' own types.
func (c *Cluster) Kube() (kubernetes.Interface, error) {
	return client(c, kubernetes.NewForConfig)
}

// Restage returns a client of our types.
func (c *Cluster) Restage() (versioned.Interface, error) {
	return client(c, versioned.NewForConfig)
}

// Here returns a client of our types and the namespace to use it in.
func (c *Cluster) Here() (versioned.Interface, string, error) {
	restage, err := c.Restage()
	if err != nil {
		return nil, "", err
	}
	namespace, err := c.Namespace()
	return restage, namespace, err
}

// Aggregator returns a client of API registrations.
func (c *Cluster) Aggregator() (aggregator.Interface, error) {
	return client(c, aggregator.NewForConfig)
}

// Dynamic returns a client of everything.
func (c *Cluster) Dynamic() (dynamic.Interface, error) {
	return client(c, dynamic.NewForConfig)
}

// Workloads returns a client of workloads of every kind.
func (c *Cluster) Workloads() (workload.Client, error) {
	kube, err := c.Kube()
	if err != nil {
		return workload.Client{}, err
	}
	others, err := c.Dynamic()
	return workload.Client{Kube: kube, Dynamic: others}, err
}

// Mapper returns what finds the kinds of resources.
func (c *Cluster) Mapper() (meta.RESTMapper, error) {
	mapper, err := c.Flags.ToRESTMapper()
	if err != nil {
		return nil, fmt.Errorf("asking for the kinds of the cluster: %w", err)
	}
	return mapper, nil
}

func client[T any](c *Cluster, make func(*rest.Config) (T, error)) (T, error) {
	config, err := c.REST()
	if err != nil {
		var none T
		return none, err
	}
	return make(config)
}
