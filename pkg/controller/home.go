// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregatorinformers "k8s.io/kube-aggregator/pkg/client/informers/externalversions"

	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/forwarder"
	"github.com/restage-dev/restage/pkg/controller/loop"
	"github.com/restage-dev/restage/pkg/controller/rights"
)

// home watches our own namespace, what is installed in it and our registration. None of it needs our own group.
type home struct {
	namespace    string
	objects      informers.SharedInformerFactory // of our namespace
	itself       informers.SharedInformerFactory // our Namespace alone
	registration aggregatorinformers.SharedInformerFactory
}

func newHome(c *clients, o Options) *home {
	named := func(name string) func(*metav1.ListOptions) {
		return func(opts *metav1.ListOptions) {
			opts.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
		}
	}
	return &home{
		namespace:    o.Namespace,
		objects:      informers.NewSharedInformerFactoryWithOptions(c.kube, 0, informers.WithNamespace(o.Namespace)),
		itself:       informers.NewSharedInformerFactoryWithOptions(c.kube, 0, informers.WithTweakListOptions(named(o.Namespace))),
		registration: aggregatorinformers.NewSharedInformerFactoryWithOptions(c.aggregator, 0, aggregatorinformers.WithTweakListOptions(named(apiregistration.Name))),
	}
}

// onTerminating calls f each time our namespace is seen with a deletion time.
func (h *home) onTerminating(f func()) {
	check := func(obj any) {
		if namespace, ok := obj.(*corev1.Namespace); ok && namespace.DeletionTimestamp != nil {
			f()
		}
	}
	addHandler(h.itself.Core().V1().Namespaces().Informer(), cache.ResourceEventHandlerFuncs{
		AddFunc:    check,
		UpdateFunc: func(_, obj any) { check(obj) },
	})
}

// has tells whether a Deployment is there to stay.
func (h *home) has(name string) bool {
	deployment, err := h.objects.Apps().V1().Deployments().Lister().Deployments(h.namespace).Get(name)
	return err == nil && deployment.DeletionTimestamp == nil
}

// start waits for the first lists; false when ctx is done first.
func (h *home) start(ctx context.Context) bool {
	h.objects.Core().V1().ConfigMaps().Informer()
	h.objects.Core().V1().Services().Informer()
	h.objects.Apps().V1().Deployments().Informer()
	h.registration.Apiregistration().V1().APIServices().Informer()
	h.objects.StartWithContext(ctx)
	h.itself.StartWithContext(ctx)
	h.registration.StartWithContext(ctx)
	return cache.WaitForCacheSync(ctx.Done(),
		h.objects.Core().V1().ConfigMaps().Informer().HasSynced,
		h.objects.Core().V1().Services().Informer().HasSynced,
		h.objects.Apps().V1().Deployments().Informer().HasSynced,
		h.itself.Core().V1().Namespaces().Informer().HasSynced,
		h.registration.Apiregistration().V1().APIServices().Informer().HasSynced)
}

// tasks register the API, deploy the forwarder and hold on to the rights that we need to clear up.
func (h *home) tasks(c *clients, o Options) []task {
	register := loop.New("apiregistration", (&apiregistration.Reconciler{
		Namespace:   o.Namespace,
		Kube:        c.kube,
		APIServices: c.aggregator.ApiregistrationV1().APIServices(),
		ConfigMaps:  h.objects.Core().V1().ConfigMaps().Lister().ConfigMaps(o.Namespace),
		Services:    h.objects.Core().V1().Services().Lister().Services(o.Namespace),
		Deployments: h.objects.Apps().V1().Deployments().Lister().Deployments(o.Namespace),
		Namespaces:  h.itself.Core().V1().Namespaces().Lister(),
	}).Reconcile)
	name := types.NamespacedName{Name: apiregistration.Name}
	addHandler(h.registration.Apiregistration().V1().APIServices().Informer(), loop.Handler(register, func(*apiregistrationv1.APIService) []types.NamespacedName {
		return []types.NamespacedName{name}
	}))
	addHandler(h.objects.Core().V1().ConfigMaps().Informer(), loop.Handler(register, only[*corev1.ConfigMap](apiregistration.CAConfigMap, name)))
	addHandler(h.objects.Core().V1().Services().Informer(), loop.Handler(register, only[metav1.Object](apiregistration.ServiceName, name)))
	addHandler(h.objects.Apps().V1().Deployments().Informer(), loop.Handler(register, only[metav1.Object](apiregistration.Deployment, name)))
	register.Enqueue(name)

	deploy := loop.New("forwarder", (&forwarder.Reconciler{
		Namespace: o.Namespace,
		Kube:      c.kube,
		Options: forwarder.Options{
			Image: o.ForwarderImage, ImagePullPolicy: o.pullPolicy(), ImagePullSecrets: o.ImagePullSecrets,
			PriorityClassName: o.PriorityClassName, StorageURL: o.ForwarderStorageURL, Certificates: o.Certificates,
			LogArguments: o.logArguments(),
		},
	}).Reconcile)
	name = types.NamespacedName{Namespace: o.Namespace, Name: forwarder.Name}
	addHandler(h.objects.Apps().V1().Deployments().Informer(), loop.Handler(deploy, only[metav1.Object](forwarder.Name, name)))
	addHandler(h.objects.Core().V1().Services().Informer(), loop.Handler(deploy, only[metav1.Object](forwarder.Name, name)))
	deploy.Enqueue(name)

	hold := loop.New("rights", keeper(c, o).Reconcile)
	hold.Enqueue(types.NamespacedName{Namespace: o.Namespace, Name: rights.Account})
	return []task{{register, 1}, {deploy, 1}, {hold, 1}}
}

func keeper(c *clients, o Options) *rights.Keeper {
	return &rights.Keeper{Namespace: o.Namespace, Namespaces: o.WatchNamespaces, Kube: c.kube}
}

// only maps the object of that name to key, and no other.
func only[T metav1.Object](name string, key types.NamespacedName) func(T) []types.NamespacedName {
	return func(object T) []types.NamespacedName {
		if object.GetName() != name {
			return nil
		}
		return []types.NamespacedName{key}
	}
}

// addHandler adds a handler to an informer that has not been stopped, which cannot fail.
func addHandler(informer cache.SharedIndexInformer, handler cache.ResourceEventHandler) {
	if _, err := informer.AddEventHandler(handler); err != nil {
		panic(err)
	}
}
