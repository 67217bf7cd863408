// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	fakediscovery "k8s.io/client-go/discovery/fake"
	clienttesting "k8s.io/client-go/testing"
	aggregatorfake "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/fake"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/controller/rights"
	"github.com/restage-dev/restage/pkg/wiring"
)

const ours = "restage-system"

func testOptions(t *testing.T) Options {
	t.Helper()
	o := Options{
		Namespace: ours, ProxyImage: "proxy:1", ResponderImage: "responder:1", GeneratorImage: "generator:1", ForwarderImage: "forwarder:1",
		ImagePullPolicy: string(corev1.PullIfNotPresent),
	}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	return o
}

func eventually(t *testing.T, what string, check func(ctx context.Context) (bool, error)) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, check); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// TestLead runs everything together: the registration and the forwarder before our group is served, then a capture from an
// annotation, and at last the deletion of our namespace.
func TestLead(t *testing.T) {
	labels := map[string]string{"app": "front"}
	front := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name: "front", Namespace: "shop", UID: "front-uid", ResourceVersion: "1", Annotations: map[string]string{v1alpha1.AnnotationCaptureEnabled: "true"},
		},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "front", Image: "front:1"}}},
			},
		},
	}
	ourNamespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ours}}
	cluster := controllertest.New(
		ourNamespace,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}},
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: wiring.ServerDeployment, Namespace: ours}},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ServiceName, Namespace: ours}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.CAConfigMap, Namespace: ours}, Data: map[string]string{"ca.crt": "the CA"}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: wiring.ForwarderCAConfigMap, Namespace: ours}, Data: map[string]string{"ca.crt": "the forwarder's CA"}},
		front,
	)
	var served atomic.Bool
	cluster.Replay.Discovery().(*fakediscovery.FakeDiscovery).Resources = []*metav1.APIResourceList{{GroupVersion: v1alpha1.SchemeGroupVersion.String()}}
	cluster.Replay.PrependReactor("get", "resource", func(clienttesting.Action) (bool, runtime.Object, error) {
		if served.Load() {
			return false, nil, nil
		}
		return true, nil, apierrors.NewServiceUnavailable("no server yet")
	})
	c := &clients{kube: cluster.Kube, metadata: controllertest.Metadata(t), aggregator: aggregatorfake.NewClientset(), replay: cluster.Replay, forwarder: controllertest.Forwarder(t, "shop")}
	state := newHealth()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := lead(ctx, c, testOptions(t), state); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})

	apiServices := c.aggregator.ApiregistrationV1().APIServices()
	eventually(t, "registration before our group is served", func(ctx context.Context) (bool, error) {
		service, err := apiServices.Get(ctx, "v1alpha1.replay.restage.dev", metav1.GetOptions{})
		return err == nil && string(service.Spec.CABundle) == "the CA" && service.OwnerReferences[0].UID == "role-uid", nil
	})
	eventually(t, "forwarder before our group is served", func(ctx context.Context) (bool, error) {
		_, err := cluster.Kube.AppsV1().Deployments(ours).Get(ctx, "restage-forwarder", metav1.GetOptions{})
		return err == nil, nil
	})
	if !state.starting.Load() {
		t.Error("ready before our group is served")
	}

	served.Store(true)
	eventually(t, "recording proxy in the annotated workload", func(ctx context.Context) (bool, error) {
		return hasProxy(ctx, cluster)
	})
	if state.starting.Load() {
		t.Error("not ready although the caches have synced")
	}
	eventually(t, "credentials in the recorded namespace", func(ctx context.Context) (bool, error) {
		configMap, err := cluster.Kube.CoreV1().ConfigMaps("shop").Get(ctx, wiring.ForwarderCAConfigMap, metav1.GetOptions{})
		return err == nil && configMap.Data["ca.crt"] == "the forwarder's CA", nil
	})

	ourNamespace.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	if err := cluster.Kube.Tracker().Update(corev1.SchemeGroupVersion.WithResource("namespaces"), ourNamespace, ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "registration taken down", func(ctx context.Context) (bool, error) {
		_, err := apiServices.Get(ctx, "v1alpha1.replay.restage.dev", metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
	eventually(t, "recording proxy taken out", func(ctx context.Context) (bool, error) {
		has, err := hasProxy(ctx, cluster)
		return !has, err
	})
}

func hasProxy(ctx context.Context, cluster *controllertest.Cluster) (bool, error) {
	deployment, err := cluster.Kube.AppsV1().Deployments("shop").Get(ctx, "front", metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(deployment.Spec.Template.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == wiring.ProxyContainerName
	}), nil
}

// A lease that was lost is stood for again. A process that ended would be started again later and later.
func TestLeaseIsLostAndHeldAgain(t *testing.T) {
	t.Parallel() // it waits until the lease cannot be renewed in time
	cluster := controllertest.New()
	var unreachable atomic.Bool
	cluster.Kube.PrependReactor("update", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return unreachable.Load(), nil, apierrors.NewServiceUnavailable("the API server is slow")
	})
	ctx, stop := context.WithCancel(t.Context())
	ended, terms := make(chan error, 1), 0
	go func() {
		ended <- campaign(ctx, cluster.Kube, ours, newHealth().lease, func(leading context.Context) error {
			if terms++; terms == 2 {
				stop()
			}
			unreachable.Store(terms == 1)
			<-leading.Done()
			unreachable.Store(false)
			return nil
		})
	}()
	if err := <-ended; err != nil || terms != 2 {
		t.Errorf("after %d terms it ended with %v", terms, err)
	}
}

// A lead that fails ends the process.
func TestCampaignEndsWithWhatLeadReturns(t *testing.T) {
	err := campaign(t.Context(), controllertest.New().Kube, ours, newHealth().lease, func(context.Context) error { return errCleared })
	if !errors.Is(err, errCleared) {
		t.Errorf("it ended with %v", err)
	}
}

// What keeps our rights for us is seen being deleted at once.
func TestOnTerminating(t *testing.T) {
	going := metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{Time: time.Now()}, Finalizers: []string{rights.Finalizer}}
	named := func(name, namespace string) metav1.ObjectMeta {
		meta := going
		meta.Name, meta.Namespace = name, namespace
		return meta
	}
	for name, object := range map[string]runtime.Object{
		"namespace":       &corev1.Namespace{ObjectMeta: named(ours, "")},
		"role":            &rbacv1.ClusterRole{ObjectMeta: named("restage-controller-workloads", "")},
		"service account": &corev1.ServiceAccount{ObjectMeta: named(rights.Account, ours)},
	} {
		t.Run(name, func(t *testing.T) {
			c := &clients{kube: controllertest.New(object).Kube, aggregator: aggregatorfake.NewClientset()}
			home := newHome(c, testOptions(t))
			seen, stop := context.WithCancel(t.Context())
			home.onTerminating(stop)
			if !home.start(t.Context()) {
				t.Fatal("the caches have not synced")
			}
			eventually(t, "it is seen", func(context.Context) (bool, error) { return seen.Err() != nil, nil })
		})
	}
}

// A namespace in which we may not look any more keeps nobody from registering and deploying.
func TestHomeStartsWithoutANamespace(t *testing.T) {
	cluster := controllertest.New()
	cluster.Kube.PrependReactor("list", "podtemplates", func(action clienttesting.Action) (bool, runtime.Object, error) {
		return action.GetNamespace() == "gone", nil, apierrors.NewForbidden(schema.GroupResource{Resource: "podtemplates"}, "", errors.New("no right"))
	})
	o := testOptions(t)
	o.Injection, o.WatchNamespaces = wiring.InjectionPolicy, []string{"shop", "gone"}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	home := newHome(&clients{kube: cluster.Kube, aggregator: aggregatorfake.NewClientset()}, o)
	home.onTerminating(cancel)
	if !home.start(ctx) {
		t.Error("it does not start")
	}
}

// TestElection hands the lease from one controller that ends to the next.
func TestElection(t *testing.T) {
	cluster := controllertest.New()
	first, stopFirst := context.WithCancel(t.Context())
	leads, ended := make(chan string, 2), make(chan error, 2)
	candidate := func(ctx context.Context, name string) {
		ended <- elect(ctx, cluster.Kube, ours, newHealth().lease, func(ctx context.Context) error {
			leads <- name
			<-ctx.Done()
			return nil
		})
	}
	go candidate(first, "first")
	if name := <-leads; name != "first" {
		t.Fatalf("%s leads", name)
	}
	stopFirst()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	lease, err := cluster.Kube.CoordinationV1().Leases(ours).Get(t.Context(), leaseName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if holder := *lease.Spec.HolderIdentity; holder != "" {
		t.Errorf("the lease is still held by %q", holder)
	}
	second, stopSecond := context.WithCancel(t.Context())
	go candidate(second, "second")
	if name := <-leads; name != "second" {
		t.Fatalf("%s leads", name)
	}
	stopSecond()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestOptions(t *testing.T) {
	valid := testOptions(t)
	if valid.ForwarderAddress != "restage-forwarder.restage-system.svc:4143" {
		t.Errorf("address of the forwarder is %q", valid.ForwarderAddress)
	}
	tests := map[string]struct {
		change func(*Options)
		want   string
	}{
		"namespace": {func(o *Options) { o.Namespace = "" }, "--namespace is required"},
		"image":     {func(o *Options) { o.GeneratorImage = "" }, "--generator-image is required"},
		"policy":    {func(o *Options) { o.ImagePullPolicy = "Sometimes" }, `--image-pull-policy "Sometimes": must be Always, IfNotPresent or Never`},
		"storage":   {func(o *Options) { o.ForwarderStorageURL = "bucket" }, `--forwarder-storage-url "bucket"`},
		"address":   {func(o *Options) { o.ForwarderAddress = "forwarder" }, `--forwarder-address "forwarder"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := valid
			test.change(&o)
			if err := o.complete(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
