// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package flags has the options of an installation as flags.
package flags

import (
	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/install"
)

// For returns flags that set the options, all but --namespace, which kubectl has. What the options are is their default.
func For(o *install.Options) *pflag.FlagSet {
	flags := pflag.NewFlagSet("options", pflag.ContinueOnError)
	flags.StringVar(&o.ClusterName, "cluster-name", o.ClusterName, "Name of this cluster in reports, to tell those of several clusters apart.")
	flags.StringVar(&o.Registry, "registry", o.Registry, "Registry, with an optional path, that has copies of all images, such as registry.example/mirror.")
	flags.StringVar(&o.Tag, "tag", o.Tag, "Tag of all images.")
	flags.StringVar(&o.ImagePullPolicy, "image-pull-policy", o.ImagePullPolicy, "When images are pulled: Always, IfNotPresent or Never.")
	flags.StringSliceVar(&o.ImagePullSecrets, "image-pull-secrets", o.ImagePullSecrets,
		"Names of Secrets to pull images with, comma separated, for every service account and every pod that gets a proxy.")
	flags.StringVar(&o.StorageURL, "storage-url", o.StorageURL,
		"Where recorded traffic is kept: s3://bucket?region=name or file:///directory. By default on a volume of its own.")
	flags.BoolVar(&o.HA, "ha", o.HA, "Run three API servers, on the etcd that --etcd-servers names, and two controllers.")
	flags.StringSliceVar(&o.EtcdServers, "etcd-servers", o.EtcdServers, "URLs of your etcd, comma separated, for --ha.")
	flags.StringVar(&o.KubeVersion, "kube-version", o.KubeVersion, "Version of Kubernetes that the manifests are for, such as 1.37. By default they suit all that are supported, as far as --injection does.")
	flags.StringVar((*string)(&o.Injection), "injection", string(o.Injection),
		"How recording proxies get into pods: workload (the controller patches workloads, from Kubernetes 1.36 on), manual (you do, with kubectl restage inject), webhook "+
			"(the API server adds them to opted-in pods as they are made) or policy (the same by a MutatingAdmissionPolicy, from Kubernetes 1.36 on). "+
			"By default workload, and webhook with a --kube-version before 1.36.")
	flags.StringSliceVar(&o.Namespaces, "namespaces", o.Namespaces, "Namespaces whose workloads Restage gets rights on, comma separated. By default all.")
	flags.BoolVar(&o.Monitoring, "monitoring", o.Monitoring,
		"Add monitors, alerts and a Grafana dashboard for the Prometheus operator, whose kinds the cluster must have.")
	return flags
}
