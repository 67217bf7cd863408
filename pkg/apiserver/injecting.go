// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"net/http"

	corev1 "k8s.io/api/core/v1"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/admission/fitting"
	"github.com/restage-dev/restage/pkg/admission/podinjection"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// injecting answers, behind the filters of the chain, kube-apiserver's questions of what is to be added to pods.
func (o *Options) injecting(chain handlerChain, c *genericapiserver.RecommendedConfig, host *Host, own versioned.Interface) handlerChain {
	injector := &podinjection.Injector{
		Captures: own, Workloads: workload.Client{Kube: host.Client, Dynamic: host.Dynamic},
		Fitter:     fitting.New(host.Client),
		Namespaces: host.Informers.Core().V1().Namespaces().Lister(),
		Image:      o.ProxyImage, ImagePullPolicy: corev1.PullPolicy(o.ImagePullPolicy), ImagePullSecrets: o.ImagePullSecrets,
		Forwarder: o.Forwarder.Address,
	}
	if o.Injection == wiring.InjectionWebhook {
		go func() {
			if err := injector.Fitter.Prepare(); err != nil {
				klog.Background().Error(err, "No pod whose namespace has LimitRanges or ResourceQuotas gets the recording proxy")
			}
		}()
	}
	return func(handler http.Handler, generic *genericapiserver.Config) http.Handler {
		return chain(&podinjection.Handler{Next: handler, Injector: injector, Serializer: c.Serializer}, generic)
	}
}
