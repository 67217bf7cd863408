// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package install renders the manifests of an installation from the kustomizations in artifacts and from options. The same options
// give the same bytes.
package install

import (
	"github.com/restage-dev/restage/pkg/release"
	"github.com/restage-dev/restage/pkg/wiring"
)

// DefaultNamespace is where Restage runs unless another is chosen.
const DefaultNamespace = "restage-system"

// Injection says how recording proxies get into pods.
type Injection string

const (
	// InjectionWorkload has the controller patch the templates of annotated and captured workloads, which takes Kubernetes 1.36, where a
	// MutatingAdmissionPolicy keeps them whole.
	InjectionWorkload Injection = wiring.InjectionWorkload
	// InjectionManual leaves the controller without the right to patch a workload: templates are injected in Git, with
	// kubectl restage inject.
	InjectionManual Injection = wiring.InjectionManual
	// InjectionWebhook has our API server add them to opted-in pods as they are made: kube-apiserver asks it, and does without when it does not answer.
	// The controller cannot patch a workload.
	InjectionWebhook Injection = wiring.InjectionWebhook
	// InjectionPolicy has kube-apiserver add them to opted-in pods by itself, by a MutatingAdmissionPolicy that the controller keeps, which takes
	// Kubernetes 1.36. The controller cannot patch a workload.
	InjectionPolicy Injection = wiring.InjectionPolicy
)

// Injections are the names of all, for people.
func Injections() []string { return wiring.Injections() }

// Options of an installation. The names in a values file and in the Helm chart are the JSON names; the flags are the same in lower
// case with dashes. What is empty has its default.
type Options struct {
	// ClusterName is written into reports, so that those of several clusters can be told apart. At most 253 characters; empty for none.
	ClusterName string `json:"clusterName"`
	// Namespace of Restage itself.
	Namespace string `json:"namespace"`
	// Registry is put before the names of all images, such as registry.example/mirror.
	Registry string `json:"registry"`
	// Tag of all images; empty for that of the release.
	Tag string `json:"tag"`
	// ImagePullPolicy of all images: Always, IfNotPresent or Never.
	ImagePullPolicy string `json:"imagePullPolicy"`
	// ImagePullSecrets are names of Secrets, in our namespace and in those of workloads, which every pod of ours and every pod that
	// gets our proxy pulls with.
	ImagePullSecrets []string `json:"imagePullSecrets"`
	// StorageURL is where the forwarder keeps traffic, snapshots and reports; empty for its own volume.
	StorageURL string `json:"storageURL"`
	// HA runs several servers, on the etcd that EtcdServers name, and a second controller.
	HA bool `json:"ha"`
	// EtcdServers are the addresses of an etcd of yours, with HA.
	EtcdServers []string `json:"etcdServers"`
	// KubeVersion is the version of the cluster, such as 1.37; empty for any that is supported.
	KubeVersion string `json:"kubeVersion"`
	// Injection says how recording proxies get into pods; empty for workload, and for webhook where KubeVersion is one before 1.36.
	Injection Injection `json:"injection"`
	// Namespaces are those whose workloads Restage may work with. With none it is all; with any, its rights on workloads end there.
	Namespaces []string `json:"namespaces"`
	// Monitoring adds what the Prometheus operator scrapes and alerts of, and a dashboard. The cluster must have the operator's kinds.
	Monitoring bool `json:"monitoring"`
}

// Defaults are the options of an installation that asks for nothing.
func Defaults() Options {
	return Options{Namespace: DefaultNamespace, Tag: release.Version, ImagePullPolicy: "IfNotPresent"}
}

// Complete fills in what is empty.
func (o Options) Complete() Options {
	d := Defaults()
	for _, value := range []struct{ is, otherwise *string }{
		{&o.Namespace, &d.Namespace}, {&o.Tag, &d.Tag}, {&o.ImagePullPolicy, &d.ImagePullPolicy},
	} {
		if *value.is == "" {
			*value.is = *value.otherwise
		}
	}
	switch {
	case o.Injection != "":
	case o.hasPolicies():
		o.Injection = InjectionWorkload
	default:
		o.Injection = InjectionWebhook
	}
	return o
}
