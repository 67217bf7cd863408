// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"k8s.io/apimachinery/pkg/util/sets"
	genericopenapi "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	"k8s.io/component-base/compatibility"

	"github.com/restage-dev/restage/pkg/admission"
	"github.com/restage-dev/restage/pkg/admission/initializer"
	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/memo"
	"github.com/restage-dev/restage/pkg/apiserver/decoding"
	"github.com/restage-dev/restage/pkg/certs"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/wiring"
)

// config is all that a server is made of. The order matters: admission needs the loopback client, which comes with serving.
func (o *Options) config(ctx context.Context, host *Host, stored *watchCaches, embedded *embeddedStorage) (*genericapiserver.RecommendedConfig, error) {
	c := genericapiserver.NewRecommendedConfig(o.codecs)
	c.Serializer = newTextSerializer(o.api.Scheme, o.codecs)
	c.SharedInformerFactory = host.Informers
	// What follows something has no time limit; kube-apiserver takes the same subresource for long-running.
	c.LongRunningFunc = genericfilters.BasicLongRunningRequestCheck(sets.NewString("watch"), sets.NewString("log"))
	if err := o.ServerRun.ApplyTo(&c.Config); err != nil {
		return nil, fmt.Errorf("configuring the server: %w", err)
	}
	// What the generic server does by features are those of Kubernetes; which APIs there are is a matter of our release.
	c.FeatureGate = o.ServerRun.ComponentGlobalsRegistry.FeatureGateFor(compatibility.DefaultKubeComponent)
	o.describe(c)
	chain := c.BuildHandlerChainFunc
	c.BuildHandlerChainFunc = func(handler http.Handler, generic *genericapiserver.Config) http.Handler {
		return chain(decoding.Appliable{
			Handler: memo.Handler(handler), Creater: o.api.Scheme, Serializer: generic.Serializer, MaxBytes: generic.MaxRequestBodyBytes,
		}, generic)
	}
	for _, part := range []struct {
		name  string
		apply func() error
	}{
		{"storage", func() error { return o.applyStorage(c, embedded) }},
		{"egress", func() error { return o.EgressSelector.ApplyTo(&c.Config) }},
		{"tracing", func() error { return o.Traces.ApplyTo(c.EgressSelector, &c.Config) }},
		{"serving", func() error { return o.applyServing(ctx, c, host) }},
		{"authentication", func() error { return o.applyAuthentication(c) }},
		{"authorization", func() error { return o.Authorization.ApplyTo(&c.Authorization) }},
		{"audit", func() error { return o.Audit.ApplyTo(&c.Config) }},
		{"admission", func() error { return o.applyHostFeatures(ctx, c, host, stored) }},
	} {
		if err := part.apply(); err != nil {
			return nil, fmt.Errorf("configuring %s: %w", part.name, err)
		}
	}
	return c, nil
}

// describe sets up the OpenAPI documents, on which kubectl explain and server-side apply rest.
func (o *Options) describe(c *genericapiserver.RecommendedConfig) {
	namer := genericopenapi.NewDefinitionNamer(o.api.Scheme)
	c.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(o.api.Definitions, namer)
	c.OpenAPIConfig.Info.Title = "Restage"
	c.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(o.api.Definitions, namer)
	c.OpenAPIV3Config.Info.Title = "Restage"
}

// applyServing opens the listener. Without certificate files the certificate is made and rotated here.
func (o *Options) applyServing(ctx context.Context, c *genericapiserver.RecommendedConfig, host *Host) error {
	if err := o.SecureServing.ApplyToConfig(&c.Config); err != nil {
		return err
	}
	if c.SecureServing == nil || c.SecureServing.Cert != nil {
		return nil
	}
	manager := certs.NewManager(host.Client, certs.Options{
		Namespace: o.Namespace, SecretName: CAName, ConfigMapName: CAName,
		DNSNames:    append(certs.ServiceNames(ServiceName, o.Namespace), "localhost"),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		Lifetimes:   o.Certificates,
	})
	c.SecureServing.Cert = servingCertificate{manager}
	return manager.Sync(ctx)
}

// applyAuthentication asks kube-apiserver who a caller is, and takes its word for whom it speaks.
func (o *Options) applyAuthentication(c *genericapiserver.RecommendedConfig) error {
	if err := o.Authentication.ApplyTo(&c.Authentication, c.SecureServing, c.OpenAPIConfig); err != nil {
		return err
	}
	if trust := c.Authentication.RequestHeaderConfig; trust != nil {
		c.Authentication.Authenticator = newFrontProxy(trust, c.Authentication.Authenticator)
	}
	return nil
}

// applyHostFeatures switches off what the host lacks, then sets up flow control and the admission chain.
func (o *Options) applyHostFeatures(ctx context.Context, c *genericapiserver.RecommendedConfig, host *Host, stored *watchCaches) error {
	absent, err := absentFeatures(ctx, host.Client)
	if err != nil {
		return err
	}
	for _, plugin := range []string{admission.MutatingAdmissionPolicy, admission.ValidatingAdmissionPolicy} {
		if absent.Has(plugin) {
			o.Admission.DefaultOffPlugins.Insert(plugin)
		}
	}
	if absent.Has(priorityAndFairness) {
		o.Features.EnablePriorityAndFairness = false
	}
	if err := o.Features.ApplyTo(&c.Config, host.Client, host.Informers); err != nil {
		return err
	}
	reads := &inProcess{}
	client, err := versioned.NewForConfig(reads.client(c.LoopbackClientConfig))
	if err != nil {
		return fmt.Errorf("making the client of this server: %w", err)
	}
	if o.Injection == wiring.InjectionWebhook {
		c.BuildHandlerChainFunc = o.injecting(c.BuildHandlerChainFunc, c, host, client)
	}
	c.BuildHandlerChainFunc = reads.keep(c.BuildHandlerChainFunc)
	workloads, err := host.workloads(!absent.Has(cachedWorkloads))
	if err != nil {
		return err
	}
	return o.Admission.ApplyTo(&c.Config, ownParameters{host.Informers}, host.Client, host.Dynamic, c.FeatureGate,
		o.ServerRun.ComponentGlobalsRegistry.EffectiveVersionFor(compatibility.DefaultKubeComponent),
		initializer.Initializer{
			Reader: lookup.Reader{Client: client, Cache: stored}, Workloads: workloads,
			ProxyImage: o.ProxyImage, ImagePullSecrets: o.ImagePullSecrets, Namespaces: o.WatchNamespaces, Injection: o.Injection,
		})
}
