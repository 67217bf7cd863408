// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/tools/cache"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregatorinformers "k8s.io/kube-aggregator/pkg/client/informers/externalversions"

	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/forwarder"
	"github.com/restage-dev/restage/pkg/controller/loop"
	"github.com/restage-dev/restage/pkg/controller/podinjection"
	"github.com/restage-dev/restage/pkg/controller/rights"
	"github.com/restage-dev/restage/pkg/controller/safeguards"
	"github.com/restage-dev/restage/pkg/wiring"
)

// home watches our own namespace, what is installed in it, what gives us our rights, and our registration. None of it needs our own group.
type home struct {
	namespace    string
	objects      informers.SharedInformerFactory   // of our namespace
	itself       informers.SharedInformerFactory   // our Namespace alone
	account      informers.SharedInformerFactory   // our ServiceAccount alone
	roles        []informers.SharedInformerFactory // each of our ClusterRoles alone
	registration aggregatorinformers.SharedInformerFactory
	templates    []informers.SharedInformerFactory // what the policy adds to pods, of each place; none without the policy
	safeguards   *safeguards.Reconciler
}

func newHome(c *clients, o Options) *home {
	named := func(name string) func(*metav1.ListOptions) {
		return func(opts *metav1.ListOptions) {
			opts.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
		}
	}
	alone := func(name string, options ...informers.SharedInformerOption) informers.SharedInformerFactory {
		return informers.NewSharedInformerFactoryWithOptions(c.kube, 0, append(options, informers.WithTweakListOptions(named(name)))...)
	}
	h := &home{
		namespace:    o.Namespace,
		objects:      informers.NewSharedInformerFactoryWithOptions(c.kube, 0, informers.WithNamespace(o.Namespace)),
		itself:       alone(o.Namespace),
		account:      alone(rights.Account, informers.WithNamespace(o.Namespace)),
		registration: aggregatorinformers.NewSharedInformerFactoryWithOptions(c.aggregator, 0, aggregatorinformers.WithTweakListOptions(named(apiregistration.Name))),
		safeguards:   &safeguards.Reconciler{Kube: c.kube, Injection: o.Injection, Namespaces: o.WatchNamespaces},
	}
	for _, name := range rights.Roles {
		h.roles = append(h.roles, alone(name))
	}
	if o.Injection == wiring.InjectionPolicy {
		selected := informers.WithTweakListOptions(func(opts *metav1.ListOptions) { opts.LabelSelector = podinjection.TemplateSelector() })
		for _, place := range o.places() {
			h.templates = append(h.templates, informers.NewSharedInformerFactoryWithOptions(c.kube, 0, informers.WithNamespace(place), selected))
		}
	}
	return h
}

// onTerminating calls f each time something that we were installed by is seen with a deletion time: our namespace, or one of our roles
// or our ServiceAccount, which wait for us with their finalizers. Our own Deployment is not looked at: when it goes this pod does, and a
// pod that is left behind is one that another Deployment takes over.
func (h *home) onTerminating(f func()) {
	watched := []cache.SharedIndexInformer{h.itself.Core().V1().Namespaces().Informer(), h.account.Core().V1().ServiceAccounts().Informer()}
	for _, role := range h.roles {
		watched = append(watched, role.Rbac().V1().ClusterRoles().Informer())
	}
	check := func(obj any) {
		if object, ok := obj.(metav1.Object); ok && object.GetDeletionTimestamp() != nil {
			f()
		}
	}
	for _, informer := range watched {
		addHandler(informer, cache.ResourceEventHandlerFuncs{
			AddFunc:    check,
			UpdateFunc: func(_, obj any) { check(obj) },
		})
	}
}

// has tells whether a Deployment is there to stay.
func (h *home) has(name string) bool {
	deployment, err := h.objects.Apps().V1().Deployments().Lister().Deployments(h.namespace).Get(name)
	return err == nil && deployment.DeletionTimestamp == nil
}

// start waits for the first lists; false when ctx is done first. What gives us our rights is not waited for: it may be out of our sight
// already. Nor is what the policy adds to pods, since a namespace that is gone is no reason not to register.
func (h *home) start(ctx context.Context) bool {
	h.objects.Core().V1().ConfigMaps().Informer()
	h.objects.Core().V1().Services().Informer()
	h.objects.Apps().V1().Deployments().Informer()
	h.registration.Apiregistration().V1().APIServices().Informer()
	h.objects.StartWithContext(ctx)
	h.itself.StartWithContext(ctx)
	h.account.StartWithContext(ctx)
	for _, role := range h.roles {
		role.StartWithContext(ctx)
	}
	h.registration.StartWithContext(ctx)
	synced := []cache.InformerSynced{
		h.objects.Core().V1().ConfigMaps().Informer().HasSynced,
		h.objects.Core().V1().Services().Informer().HasSynced,
		h.objects.Apps().V1().Deployments().Informer().HasSynced,
		h.itself.Core().V1().Namespaces().Informer().HasSynced,
		h.registration.Apiregistration().V1().APIServices().Informer().HasSynced,
	}
	for _, place := range h.templates {
		place.Core().V1().PodTemplates().Informer()
		place.StartWithContext(ctx)
	}
	return cache.WaitForCacheSync(ctx.Done(), synced...)
}

// tasks register the API, deploy the forwarder and hold on to the rights that we need to clear up.
func (h *home) tasks(c *clients, o Options) []task {
	registration := &apiregistration.Reconciler{
		Namespace:   o.Namespace,
		Kube:        c.kube,
		APIServices: c.aggregator.ApiregistrationV1().APIServices(),
		ConfigMaps:  h.objects.Core().V1().ConfigMaps().Lister().ConfigMaps(o.Namespace),
		Services:    h.objects.Core().V1().Services().Lister().Services(o.Namespace),
		Deployments: h.objects.Apps().V1().Deployments().Lister().Deployments(o.Namespace),
		Namespaces:  h.itself.Core().V1().Namespaces().Lister(),
	}
	register := loop.New("apiregistration", registration.Reconcile)
	name := types.NamespacedName{Name: apiregistration.Name}
	addHandler(h.registration.Apiregistration().V1().APIServices().Informer(), loop.Handler(register, func(*apiregistrationv1.APIService) []types.NamespacedName {
		return []types.NamespacedName{name}
	}))
	addHandler(h.objects.Core().V1().ConfigMaps().Informer(), loop.Handler(register, only[*corev1.ConfigMap](apiregistration.CAConfigMap, name)))
	addHandler(h.objects.Core().V1().Services().Informer(), loop.Handler(register, only[metav1.Object](apiregistration.ServiceName, name)))
	addHandler(h.objects.Apps().V1().Deployments().Informer(), loop.Handler(register, only[metav1.Object](wiring.ServerDeployment, name)))
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
	name = types.NamespacedName{Namespace: o.Namespace, Name: wiring.ForwarderDeployment}
	addHandler(h.objects.Apps().V1().Deployments().Informer(), loop.Handler(deploy, only[metav1.Object](wiring.ForwarderDeployment, name)))
	addHandler(h.objects.Core().V1().Services().Informer(), loop.Handler(deploy, only[metav1.Object](wiring.ForwarderDeployment, name)))
	deploy.Enqueue(name)

	hold := loop.New("rights", keeper(c, o).Reconcile)
	hold.Enqueue(types.NamespacedName{Namespace: o.Namespace, Name: rights.Account})

	safe := loop.New("safeguards", h.safeguards.Reconcile)
	safe.Enqueue(types.NamespacedName{Name: safeguards.Role})
	return []task{{register, 1}, {deploy, 1}, {hold, 1}, {safe, 1}, {h.door(c, o, registration.Stays), 1}}
}

// gather is how long changes of what is added to pods are gathered before the policy is written, which has all of it.
const gather = time.Second

// door keeps what has kube-apiserver add proxies to pods, for as long as the API server stays.
func (h *home) door(c *clients, o Options, stays func() (bool, error)) *loop.Loop {
	var templates []coreinformers.PodTemplateInformer
	for _, place := range h.templates {
		templates = append(templates, place.Core().V1().PodTemplates())
	}
	door := loop.New("podinjection", (&podinjection.Reconciler{
		Kube: c.kube, Home: o.Namespace, Namespaces: o.WatchNamespaces, Injection: o.Injection,
		Image: o.ProxyImage, ImagePullPolicy: o.pullPolicy(), Forwarder: o.ForwarderAddress, Templates: templates, Stays: stays,
	}).Reconcile)
	name := types.NamespacedName{Name: wiring.PodInjection}
	addHandler(h.objects.Core().V1().Services().Informer(), loop.Handler(door, only[metav1.Object](apiregistration.ServiceName, name)))
	addHandler(h.objects.Apps().V1().Deployments().Informer(), loop.Handler(door, only[metav1.Object](wiring.ServerDeployment, name)))
	for _, place := range h.templates {
		addHandler(place.Core().V1().PodTemplates().Informer(), cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { door.EnqueueAfter(name, gather) },
			UpdateFunc: func(_, _ any) { door.EnqueueAfter(name, gather) },
			DeleteFunc: func(any) { door.EnqueueAfter(name, gather) },
		})
	}
	door.Enqueue(name)
	return door
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
