// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	clientset "github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// A successor of a controller that was killed takes over once the lease has run out; one that ends gives it back.
const (
	leaseName     = "restage-controller"
	leaseDuration = 10 * time.Second
	renewDeadline = 7 * time.Second
	retryPeriod   = 2 * time.Second
)

// Client-side limits: what the controller does is bounded by its queues, and the servers have fairness of their own.
const (
	clientQPS   = 100
	clientBurst = 200
)

// caTimeout bounds the reading of the forwarder's CA, once a handshake.
const caTimeout = 5 * time.Second

// clients of all the APIs that the controller uses.
type clients struct {
	kube       kubernetes.Interface
	dynamic    dynamic.Interface // for workloads of kinds that are not Kubernetes' own
	metadata   metadata.Interface
	aggregator aggregator.Interface
	replay     clientset.Interface
	forwarder  *grpc.ClientConn
}

// Run runs the controller until ctx is done. The error says what kept it from starting, or that it lost its lease.
func Run(ctx context.Context, o Options) error {
	if err := o.complete(); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	if err != nil {
		return fmt.Errorf("reading kubeconfig: %w", err)
	}
	c, err := newClients(config)
	if err != nil {
		return err
	}
	if c.forwarder, err = dialForwarder(ctx, c.kube, o); err != nil {
		return err
	}
	state := newHealth()
	if err := state.serve(ctx, o.HealthAddress); err != nil {
		return err
	}
	removal := &removal{clients: c, options: o}
	gone, err := removal.isGone(ctx, wiring.ControllerDeployment)
	removal.deployed = err == nil && !gone
	var ended atomic.Bool // while it led
	err = campaign(ctx, c.kube, o.Namespace, state.lease, func(term context.Context) error {
		defer func() { ended.Store(ctx.Err() != nil) }()
		return lead(term, c, o, state)
	})
	if err == nil && !ended.Load() {
		err = removal.standIn(ctx, leaseDuration)
	}
	return err
}

func newClients(config *rest.Config) (*clients, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = clientQPS, clientBurst
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making the Kubernetes client: %w", err)
	}
	others, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making the dynamic client: %w", err)
	}
	anything, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making the client of metadata: %w", err)
	}
	registration, err := aggregator.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making the aggregator's client: %w", err)
	}
	replay, err := clientset.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making our own client: %w", err)
	}
	return &clients{kube: kube, dynamic: others, metadata: anything, aggregator: registration, replay: replay}, nil
}

func (c *clients) workloads() workload.Client {
	return workload.Client{Kube: c.kube, Dynamic: c.dynamic}
}

// dialForwarder connects when the connection is first used. The CA is read from where the forwarder publishes it, so
// that the controller need not be there after it.
func dialForwarder(ctx context.Context, kube kubernetes.Interface, o Options) (*grpc.ClientConn, error) {
	return dial.New(context.WithoutCancel(ctx), dial.Options{
		Address: o.ForwarderAddress,
		CA: func() ([]byte, error) {
			ctx, cancel := context.WithTimeout(ctx, caTimeout)
			defer cancel()
			published, err := kube.CoreV1().ConfigMaps(o.Namespace).Get(ctx, wiring.ForwarderCAConfigMap, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			return []byte(published.Data["ca.crt"]), nil
		},
		Token: func() (string, error) {
			token, err := os.ReadFile(o.ForwarderTokenFile)
			return string(bytes.TrimSpace(token)), err
		},
	})
}

// errLeaseLost ends a term: the API server did not answer in time, or somebody else has taken the lease.
var errLeaseLost = errors.New("the lease was lost")

// campaign stands for election, and again each time the lease was lost, until ctx is done or lead fails. A process that ended instead
// would be started again later and later, minutes after a few moments in which the API server was slow.
func campaign(ctx context.Context, kube kubernetes.Interface, namespace string, watchDog *leaderelection.HealthzAdaptor, lead func(context.Context) error) error {
	for {
		err := elect(ctx, kube, namespace, watchDog, lead)
		if !errors.Is(err, errLeaseLost) {
			return err
		}
		klog.FromContext(ctx).Info("Standing for election again", "reason", err.Error())
	}
}

// elect calls lead while this process holds the lease, and returns what it returns. The lease is given back only when lead has returned, so
// that never two lead at once. It returns nil when ctx is done, and errLeaseLost when the lease was lost.
func elect(ctx context.Context, kube kubernetes.Interface, namespace string, watchDog *leaderelection.HealthzAdaptor, lead func(context.Context) error) error {
	identity, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("naming this candidate: %w", err)
	}
	identity = fmt.Sprintf("%s_%d", identity, os.Getpid())
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, namespace, leaseName,
		kube.CoreV1(), kube.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: identity})
	if err != nil {
		return fmt.Errorf("making the lease: %w", err)
	}
	candidate, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	leading := make(chan struct{})
	ended := make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock:            lock,
		LeaseDuration:   leaseDuration,
		RenewDeadline:   renewDeadline,
		RetryPeriod:     retryPeriod,
		ReleaseOnCancel: true,
		WatchDog:        watchDog,
		Name:            leaseName,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) {
				close(leading)
				defer stop()
				both, cancel := context.WithCancel(held)
				defer context.AfterFunc(ctx, cancel)()
				defer cancel()
				ended <- lead(both)
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("starting the election: %w", err)
	}
	defer context.AfterFunc(ctx, func() {
		select {
		case <-leading: // stops when it has ended
		default:
			stop()
		}
	})()
	elector.Run(candidate)
	select {
	case <-leading:
		err = <-ended // also when the lease was lost: what lead does at its end, no successor does
	default:
	}
	if err == nil && ctx.Err() == nil {
		err = errLeaseLost
	}
	return err
}
