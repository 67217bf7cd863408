// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package controllertest gives reconcilers in tests a cluster of fake clients that apply server-side, and caches that
// are filled anew whenever they are asked for, as after a restart.
package controllertest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	kubefake "k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
	"github.com/restage-dev/restage/pkg/generated/informers/externalversions"
	replayinformers "github.com/restage-dev/restage/pkg/generated/informers/externalversions/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/workload"
)

// Cluster is a cluster of fake clients. What is created gets a uid and a creation time.
type Cluster struct {
	Kube   *kubefake.Clientset
	Replay *fake.Clientset
	// Injection is what the installation has chosen, which decides about the controller's rights. Empty is the default.
	Injection string
	rules     map[string][]rbacv1.PolicyRule // of the controller, by injection
}

// New returns a cluster with these objects of Kubernetes in it.
func New(objects ...runtime.Object) *Cluster {
	c := &Cluster{Kube: kubefake.NewClientset(objects...), Replay: fake.NewClientset(), rules: map[string][]rbacv1.PolicyRule{}}
	c.Kube.Resources = Policies()
	c.Kube.PrependReactor("create", "*", Identify)
	c.Replay.PrependReactor("create", "*", Identify)
	return c
}

// Policies is what discovery says of MutatingAdmissionPolicy, where a cluster has it.
func Policies() []*metav1.APIResourceList {
	return []*metav1.APIResourceList{{GroupVersion: "admissionregistration.k8s.io/v1", APIResources: []metav1.APIResource{{Name: "mutatingadmissionpolicies"}}}}
}

// Workloads is a client of the workloads of Kubernetes' own kinds.
func (c *Cluster) Workloads() workload.Client { return workload.Client{Kube: c.Kube} }

// Identify does what an API server does to every new object.
func Identify(action clienttesting.Action) (bool, runtime.Object, error) {
	object, err := meta.Accessor(action.(clienttesting.CreateAction).GetObject())
	if err != nil { // a review, which is no object
		return false, nil, nil
	}
	if object.GetUID() == "" {
		object.SetUID(types.UID(uuid.NewString()))
		object.SetGeneration(1)
	}
	if created := object.GetCreationTimestamp(); created.IsZero() {
		object.SetCreationTimestamp(metav1.NewTime(time.Now().Truncate(time.Second)))
	}
	return false, nil, nil
}

// Metadata returns a client of the metadata of these objects, which is not one of those in a Cluster.
func Metadata(t *testing.T, objects ...runtime.Object) *metadatafake.FakeMetadataClient {
	t.Helper()
	known := runtime.NewScheme()
	if err := metav1.AddMetaToScheme(known); err != nil {
		t.Fatal(err)
	}
	return metadatafake.NewSimpleMetadataClient(known, objects...)
}

// Metadata returns a client that reads the metadata of the objects of the cluster, one by one.
func (c *Cluster) Metadata(t *testing.T) *metadatafake.FakeMetadataClient {
	t.Helper()
	client := Metadata(t)
	client.PrependReactor("get", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		object, err := c.Kube.Tracker().Get(action.GetResource(), action.GetNamespace(), action.(clienttesting.GetAction).GetName())
		if err != nil {
			return true, nil, err
		}
		whole, err := meta.Accessor(object)
		if err != nil {
			return true, nil, err
		}
		return true, meta.AsPartialObjectMetadata(whole), nil
	})
	return client
}

// Caches are informers with all that is in the cluster now.
type Caches struct {
	Kube   informers.SharedInformerFactory
	Replay replayinformers.Interface
}

// Caches fills new caches. They are not kept up to date: their informers have ended when this returns.
func (c *Cluster) Caches(t *testing.T) Caches {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	kube := informers.NewSharedInformerFactory(c.Kube, 0)
	own := externalversions.NewSharedInformerFactory(c.Replay, 0)
	group := own.Replay().V1alpha1()
	kube.Core().V1().Pods().Informer()
	kube.Core().V1().ConfigMaps().Informer()
	kube.Core().V1().Namespaces().Informer()
	kube.Core().V1().Services().Informer()
	kube.Core().V1().PodTemplates().Informer()
	workload.Watch(kube)
	kube.Batch().V1().Jobs().Informer()
	group.TrafficCaptures().Informer()
	group.TrafficSnapshots().Informer()
	group.ReplayProfiles().Informer()
	group.Environments().Informer()
	group.EnvironmentClasses().Informer()
	group.TrafficReplays().Informer()
	kube.StartWithContext(ctx)
	own.StartWithContext(ctx)
	for kind, synced := range kube.WaitForCacheSync(ctx.Done()) {
		if !synced {
			t.Fatalf("the cache of %v was not filled", kind)
		}
	}
	for kind, synced := range own.WaitForCacheSync(ctx.Done()) {
		if !synced {
			t.Fatalf("the cache of %v was not filled", kind)
		}
	}
	cancel()
	kube.Shutdown()
	own.Shutdown()
	return Caches{Kube: kube, Replay: group}
}
