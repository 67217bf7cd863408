// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"

	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/controller/credentials"
	"github.com/restage-dev/restage/pkg/controller/descriptorset"
	"github.com/restage-dev/restage/pkg/controller/environment"
	"github.com/restage-dev/restage/pkg/controller/loop"
	"github.com/restage-dev/restage/pkg/controller/replay"
	"github.com/restage-dev/restage/pkg/controller/snapshot"
	replayscheme "github.com/restage-dev/restage/pkg/generated/clientset/versioned/scheme"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// How many objects of a kind are reconciled at once.
const (
	captureWorkers     = 4
	snapshotWorkers    = 2 // a snapshot is a worker's while it is cut
	environmentWorkers = 4
	replayWorkers      = 4
	credentialWorkers  = 1
)

// reconcilers are the tasks that need our own group, with their events connected. The caches must be started after.
func reconcilers(ctx context.Context, c *clients, o Options, home *home, caches *caches) []task {
	group, events := caches.group(), recorder(ctx, c)
	homeConfigMaps := home.objects.Core().V1().ConfigMaps()
	secrets := &credentials.Reconciler{
		Namespace:  o.Namespace,
		Kube:       c.kube,
		ConfigMaps: homeConfigMaps.Lister().ConfigMaps(o.Namespace),
		Used:       caches.used,
	}
	workloads := workload.Cache{Client: c.workloads(), Informers: caches.cluster}
	annotations := loop.New("annotation", (&capture.AnnotationReconciler{
		Client:    c.replay,
		Workloads: workloads,
		Captures:  group.TrafficCaptures().Lister(),
		Events:    events,
		Injection: o.Injection,
	}).Reconcile)
	captures := loop.New("capture", (&capture.Reconciler{
		Kube:              c.kube,
		Client:            c.replay,
		Workloads:         workloads,
		Captures:          group.TrafficCaptures().Lister(),
		Stats:             trafficpb.NewCapturesClient(c.forwarder),
		EnsureCredentials: secrets.Ensure,
		EnsureTLS:         secrets.EnsureTLS,
		DescriptorSets:    descriptorset.NewVerdicts(c.kube, c.metadata),
		Obstacle:          home.safeguards.Obstacle,
		Events:            events,
		Options: capture.Options{
			Image: o.ProxyImage, ImagePullPolicy: o.pullPolicy(), ImagePullSecrets: o.ImagePullSecrets, Forwarder: o.ForwarderAddress,
			Injection: o.Injection,
		},
	}).Reconcile)
	snapshots := loop.New("snapshot", (&snapshot.Reconciler{
		Kube:         c.kube,
		Client:       c.replay,
		Snapshots:    group.TrafficSnapshots().Lister(),
		Captures:     group.TrafficCaptures().Lister(),
		Forwarder:    trafficpb.NewSnapshotsClient(c.forwarder),
		RedactionKey: secrets.RedactionKey,
		Events:       events,
		Clock:        clock.RealClock{},
	}).Reconcile)
	environments := loop.New("environment", (&environment.Reconciler{
		Kube:              c.kube,
		Client:            c.replay,
		Environments:      group.Environments().Lister(),
		Classes:           group.EnvironmentClasses().Lister(),
		Snapshots:         group.TrafficSnapshots().Lister(),
		Deployments:       caches.cluster.Apps().V1().Deployments().Lister(),
		Jobs:              caches.made.Batch().V1().Jobs().Lister(),
		Workloads:         workloads,
		Pods:              caches.made.Core().V1().Pods().Lister(),
		EnsureCredentials: secrets.Ensure,
		Egress:            environment.NewEgress(c.kube, nil).Read,
		Obstacle:          home.safeguards.Obstacle,
		Events:            events,
		Options: environment.Options{
			ResponderImage: o.ResponderImage, ImagePullPolicy: o.pullPolicy(), ImagePullSecrets: o.ImagePullSecrets, Forwarder: o.ForwarderAddress,
			CreateOnly: o.Injection != wiring.InjectionWorkload,
		},
	}).Reconcile)
	replays := loop.New("replay", (&replay.Reconciler{
		Kube:              c.kube,
		Client:            c.replay,
		Replays:           group.TrafficReplays().Lister(),
		Environments:      group.Environments().Lister(),
		Classes:           group.EnvironmentClasses().Lister(),
		Snapshots:         group.TrafficSnapshots().Lister(),
		Profiles:          group.ReplayProfiles().Lister(),
		Jobs:              caches.made.Batch().V1().Jobs().Lister(),
		Pods:              caches.made.Core().V1().Pods().Lister(),
		Forwarder:         trafficpb.NewReplaysClient(c.forwarder),
		EnsureCredentials: secrets.Ensure,
		Events:            events,
		Clock:             clock.RealClock{},
		Options: replay.Options{
			GeneratorImage: o.GeneratorImage, ImagePullPolicy: o.pullPolicy(), ImagePullSecrets: o.ImagePullSecrets,
			Forwarder: o.ForwarderAddress, ClusterName: o.ClusterName,
		},
	}).Reconcile)
	namespaces := loop.New("credentials", secrets.Reconcile)

	l := listening{caches}
	l.captures(annotations, captures)
	l.snapshots(snapshots)
	l.environments(environments)
	l.replays(replays)
	l.namespaces(namespaces)
	addHandler(homeConfigMaps.Informer(), loop.Handler(namespaces, func(configMap *corev1.ConfigMap) []types.NamespacedName {
		if configMap.Name != wiring.ForwarderCAConfigMap {
			return nil
		}
		return caches.usedNamespaces()
	}))
	return []task{
		{annotations, captureWorkers}, {captures, captureWorkers}, {snapshots, snapshotWorkers},
		{environments, environmentWorkers}, {replays, replayWorkers}, {namespaces, credentialWorkers},
	}
}

// recorder writes events to the cluster until ctx is done.
func recorder(ctx context.Context, c *clients) record.EventRecorder {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: c.kube.CoreV1().Events(metav1.NamespaceAll)})
	context.AfterFunc(ctx, broadcaster.Shutdown)
	both := runtime.NewScheme()
	utilruntime.Must(scheme.AddToScheme(both))
	utilruntime.Must(replayscheme.AddToScheme(both))
	return broadcaster.NewRecorder(both, corev1.EventSource{Component: "restage-controller"})
}
