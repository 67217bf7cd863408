// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package controller is the operator of Restage: it registers the API, deploys the forwarder and reconciles
// captures, snapshots, environments and replays.
package controller

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/restage-dev/restage/pkg/certs"
	"github.com/restage-dev/restage/pkg/controller/forwarder"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Options of the controller.
type Options struct {
	Namespace  string // our own
	Kubeconfig string // empty: in the cluster
	// Images of what the controller deploys.
	ProxyImage, ResponderImage, GeneratorImage, ForwarderImage string
	ImagePullPolicy                                            string
	ImagePullSecrets                                           []string // names of Secrets in the namespaces of the pods
	ForwarderStorageURL                                        string
	ForwarderAddress                                           string // host:port
	ForwarderTokenFile                                         string
	HealthAddress                                              string // host:port
	ClusterName                                                string // in reports; may be empty
	Injection                                                  string // one of wiring.Injections
	WatchNamespaces                                            []string
	PriorityClassName                                          string // of the forwarder
	// Certificates of the forwarder.
	Certificates certs.Lifetimes
	// Logging is how the forwarder is to log, as the controller does; nil leaves its defaults.
	Logging *logsapi.LoggingConfiguration
}

// AddFlags adds the flags of the controller with their defaults.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.Namespace, "namespace", os.Getenv("POD_NAMESPACE"), "namespace of Restage itself (default $POD_NAMESPACE)")
	flags.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig file; in a cluster the service account is used")
	flags.StringVar(&o.ProxyImage, "proxy-image", "", "image of restage-proxy (required)")
	flags.StringVar(&o.ResponderImage, "responder-image", "", "image of restage-responder (required)")
	flags.StringVar(&o.GeneratorImage, "generator-image", "", "image of restage-generator (required)")
	flags.StringVar(&o.ForwarderImage, "forwarder-image", "", "image of restage-forwarder (required)")
	flags.StringVar(&o.ImagePullPolicy, "image-pull-policy", string(corev1.PullIfNotPresent), "pull policy of these images: Always, IfNotPresent or Never")
	flags.StringVar(&o.ForwarderStorageURL, "forwarder-storage-url", "", "where the forwarder keeps traffic, snapshots and reports: file:///directory or s3://bucket?region=name (default: on its own volume)")
	flags.StringVar(&o.ForwarderAddress, "forwarder-address", "", "host:port of the forwarder (default "+forwarder.Name+".<namespace>.svc:"+strconv.Itoa(wiring.ForwarderPort)+")")
	flags.StringVar(&o.ForwarderTokenFile, "forwarder-token-file", wiring.ForwarderToken, "file with the token that is shown to the forwarder")
	flags.StringSliceVar(&o.ImagePullSecrets, "image-pull-secrets", nil, "names of Secrets that all pods which the controller makes or changes pull images with; they must be in the namespaces of the pods")
	flags.StringVar(&o.ClusterName, "cluster-name", "", "name of this cluster in reports")
	flags.StringVar(&o.Injection, "injection", wiring.InjectionWorkload, "how recording proxies get into pods. workload: they are put into the templates of captured workloads. Otherwise workloads are never changed. manual: templates are injected with kubectl restage inject; webhook and policy: proxies are added to opted-in pods as they are made, by the API server or by kube-apiserver alone")
	flags.StringSliceVar(&o.WatchNamespaces, "watch-namespaces", nil, "namespaces whose objects and workloads the controller works with (default all)")
	flags.StringVar(&o.PriorityClassName, "priority-class-name", "", "PriorityClass of the forwarder")
	o.Certificates.AddFlag(flags)
	flags.StringVar(&o.HealthAddress, "health-address", ":8081", "host:port of /livez, /readyz and /metrics")
}

// complete fills in what follows from the rest and returns every mistake.
func (o *Options) complete() error {
	var errs []error
	if o.Namespace == "" {
		errs = append(errs, errors.New("--namespace is required where POD_NAMESPACE is not set"))
	}
	for _, image := range []struct{ flag, value string }{
		{"--proxy-image", o.ProxyImage},
		{"--responder-image", o.ResponderImage},
		{"--generator-image", o.GeneratorImage},
		{"--forwarder-image", o.ForwarderImage},
	} {
		if image.value == "" {
			errs = append(errs, fmt.Errorf("%s is required", image.flag))
		}
	}
	switch corev1.PullPolicy(o.ImagePullPolicy) {
	case corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
	default:
		errs = append(errs, fmt.Errorf("--image-pull-policy %q: must be Always, IfNotPresent or Never", o.ImagePullPolicy))
	}
	if o.Injection == "" {
		o.Injection = wiring.InjectionWorkload
	}
	if !slices.Contains(wiring.Injections(), o.Injection) {
		errs = append(errs, fmt.Errorf("--injection %q: must be one of %s", o.Injection, strings.Join(wiring.Injections(), ", ")))
	}
	errs = append(errs, checkNames("--image-pull-secrets", validation.IsDNS1123Subdomain, o.ImagePullSecrets),
		checkNames("--watch-namespaces", validation.IsDNS1123Label, o.WatchNamespaces))
	if storage, err := url.Parse(o.ForwarderStorageURL); o.ForwarderStorageURL != "" && (err != nil || storage.Scheme == "") {
		errs = append(errs, fmt.Errorf("--forwarder-storage-url %q: must be a URL such as s3://bucket?region=name", o.ForwarderStorageURL))
	}
	if o.ForwarderAddress == "" {
		o.ForwarderAddress = net.JoinHostPort(forwarder.Name+"."+o.Namespace+".svc", strconv.Itoa(wiring.ForwarderPort))
	}
	if _, _, err := net.SplitHostPort(o.ForwarderAddress); err != nil {
		errs = append(errs, fmt.Errorf("--forwarder-address %q: must be host:port", o.ForwarderAddress))
	}
	return errors.Join(errs...)
}

// checkNames returns a mistake for each value that is no name.
func checkNames(flag string, valid func(string) []string, values []string) error {
	var errs []error
	for _, value := range values {
		if problems := valid(value); len(problems) > 0 {
			errs = append(errs, fmt.Errorf("%s %q: %s", flag, value, strings.Join(problems, "; ")))
		}
	}
	return errors.Join(errs...)
}

// logArguments have the forwarder log as the controller does.
func (o *Options) logArguments() []string {
	if o.Logging == nil {
		return nil
	}
	return []string{"--logging-format=" + o.Logging.Format, fmt.Sprintf("-v=%d", o.Logging.Verbosity)}
}

func (o *Options) pullPolicy() corev1.PullPolicy {
	return corev1.PullPolicy(o.ImagePullPolicy)
}
