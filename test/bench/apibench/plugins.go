// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	kubeinformers "k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/plugin/referencevalidation"
	"github.com/restage-dev/restage/pkg/admission/plugin/replaylimits"
	"github.com/restage-dev/restage/pkg/admission/plugin/workloadaccess"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	clientscheme "github.com/restage-dev/restage/pkg/generated/clientset/versioned/scheme"
	"github.com/restage-dev/restage/pkg/generated/informers/externalversions"
)

// rightsLifetime is how long answers about rights are remembered, as in our server.
const rightsLifetime = 10 * time.Second

// startPlugins returns our plugins with what they want, once its caches are filled.
func startPlugins(ctx context.Context, config *rest.Config) (plugins, error) {
	host, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	client, err := twinClient(config)
	if err != nil {
		return nil, err
	}
	rights, err := rightsOf(host)
	if err != nil {
		return nil, err
	}
	objects := newInformerCache(client)
	workloads := kubeinformers.NewSharedInformerFactory(host, 0)
	deployments := workloads.Apps().V1().Deployments()
	if err := deployments.Informer().SetTransform(workload.Trim); err != nil {
		return nil, err
	}
	namespaces := workloads.Core().V1().Namespaces()
	namespacesSynced := namespaces.Informer().HasSynced
	workloads.StartWithContext(ctx)
	if !objects.start(ctx) || !cache.WaitForCacheSync(ctx.Done(), deployments.Informer().HasSynced, namespacesSynced) {
		return nil, errors.New("the caches were not filled")
	}
	reader, source := lookup.Reader{Client: client, Cache: objects}, workload.Source{Client: host, Cached: deployments.Lister(), Namespaces: namespaces.Lister()}
	access, references := workloadaccess.New(), referencevalidation.New()
	access.SetUnconditionalAuthorizer(rights)
	access.SetReader(reader)
	access.SetWorkloads(source)
	access.SetProxyImage("restage/proxy")
	references.SetReader(reader)
	references.SetWorkloads(source)
	references.SetProxyImage("restage/proxy")
	limits, err := replaylimits.New(nil)
	if err != nil {
		return nil, err
	}
	limits.SetReader(reader)
	return plugins{access, references, limits}, nil
}

func rightsOf(host kubernetes.Interface) (authorizer.Authorizer, error) {
	return authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: host.AuthorizationV1(), AllowCacheTTL: rightsLifetime, DenyCacheTTL: rightsLifetime,
		WebhookRetryBackoff: genericoptions.DefaultAuthWebhookRetryBackoff(),
	}.New()
}

// twinClient is our typed client, which takes the custom resources for our own.
func twinClient(config *rest.Config) (versioned.Interface, error) {
	clientscheme.Scheme.AddKnownTypes(twin.groupVersion(), &v1alpha1.TrafficSnapshot{}, &v1alpha1.TrafficSnapshotList{},
		&v1alpha1.ReplayProfile{}, &v1alpha1.ReplayProfileList{}, &v1alpha1.EnvironmentClass{}, &v1alpha1.EnvironmentClassList{})
	metav1.AddToGroupVersion(clientscheme.Scheme, twin.groupVersion())
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(request *http.Request) (*http.Response, error) {
			request = request.Clone(request.Context())
			request.URL.Path = strings.Replace(request.URL.Path, ours.group, twin.group, 1)
			return next.RoundTrip(request)
		})
	})
	return versioned.NewForConfig(config)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// informerCache is a lookup.Cache of the custom resources that replays of the benchmark refer to.
type informerCache struct {
	factory externalversions.SharedInformerFactory
	listers map[string]cache.GenericLister
	synced  []cache.InformerSynced
}

func newInformerCache(client versioned.Interface) *informerCache {
	c := &informerCache{factory: externalversions.NewSharedInformerFactory(client, 0), listers: map[string]cache.GenericLister{}}
	group := c.factory.Replay().V1alpha1()
	for resource, informer := range map[string]cache.SharedIndexInformer{
		"trafficsnapshots": group.TrafficSnapshots().Informer(), "replayprofiles": group.ReplayProfiles().Informer(),
		"environmentclasses": group.EnvironmentClasses().Informer(),
	} {
		c.listers[resource] = cache.NewGenericLister(informer.GetIndexer(), v1alpha1.Resource(resource))
		c.synced = append(c.synced, informer.HasSynced)
	}
	return c
}

func (c *informerCache) start(ctx context.Context) bool {
	c.factory.StartWithContext(ctx)
	return cache.WaitForCacheSync(ctx.Done(), c.synced...)
}

func (c *informerCache) Get(_ context.Context, resource, namespace, name string) (runtime.Object, error) {
	lister, ok := c.listers[resource]
	switch {
	case !ok:
		return nil, errors.New(resource + " are not cached")
	case namespace == "":
		return lister.Get(name)
	}
	return lister.ByNamespace(namespace).Get(name)
}

func (c *informerCache) Classes(context.Context) ([]*v1alpha1.EnvironmentClass, error) {
	return c.factory.Replay().V1alpha1().EnvironmentClasses().Lister().List(labels.Everything())
}
