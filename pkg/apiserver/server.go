// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package apiserver puts restage-apiserver together: the aggregated API server of the group replay.restage.dev.
package apiserver

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/utils/clock"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apiserver/caretaker"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/registry/replay/rest"
	"github.com/restage-dev/restage/pkg/traffic/dial"
)

// Run serves until the context ends, then ends gracefully: first the server, then the embedded etcd.
func (o *Options) Run(ctx context.Context) error {
	o.complete()
	host, err := newHost(o.CoreAPI.CoreAPIKubeconfigPath)
	if err != nil {
		return err
	}
	// The connection outlives ctx, because requests that use it are still served while the server ends.
	connected, disconnect := context.WithCancel(context.WithoutCancel(ctx))
	defer disconnect()
	forwarder, err := dial.Forwarder(connected, o.Forwarder.Address, o.Forwarder.CAFile, o.Forwarder.TokenFile)
	if err != nil {
		return err
	}
	return o.Serve(ctx, host, forwarder)
}

// Serve is Run with a host and a forwarder that are there already.
func (o *Options) Serve(ctx context.Context, host *Host, forwarder grpc.ClientConnInterface) (served error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var embedded *embeddedStorage
	if o.embedded() {
		near, stopEtcd, err := o.startEtcd(ctx, cancel)
		if err != nil {
			return err
		}
		embedded = near
		defer func() { served = errors.Join(served, stopEtcd()) }()
	}
	stop, err := o.lookAfterStorage(ctx, cancel, host, embedded != nil)
	if err != nil {
		return err
	}
	err = errors.Join(o.serve(ctx, host, forwarder, embedded), stop())
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(err, cause)
	}
	return err
}

func (o *Options) serve(ctx context.Context, host *Host, forwarder grpc.ClientConnInterface, embedded *embeddedStorage) error {
	stored := &watchCaches{scheme: o.api.Scheme}
	config, err := o.config(ctx, host, stored, embedded)
	if err != nil {
		return err
	}
	server, err := config.Complete().New("restage-apiserver", genericapiserver.NewEmptyDelegate())
	if err != nil {
		return fmt.Errorf("making the server: %w", err)
	}
	provider := rest.StorageProvider{
		Scheme: o.api.Scheme, Getter: config.RESTOptionsGetter, Forwarder: forwarder,
		RequestTimeout: config.RequestTimeout, Stopping: ctx.Done(),
	}
	storage, err := provider.Storage()
	if err != nil {
		return err
	}
	stored.storage.Store(&storage)
	group := genericapiserver.NewDefaultAPIGroupInfo(replay.GroupName, o.api.Scheme, runtime.NewParameterCodec(o.api.Scheme), o.codecs)
	group.NegotiatedSerializer = newTextSerializer(o.api.Scheme, o.codecs)
	group.VersionedResourcesStorageMap, err = o.servedVersions(storage, config.EffectiveVersion)
	if err != nil {
		return fmt.Errorf("finding out which versions of the API to serve: %w", err)
	}
	// The first is what discovery calls preferred, so it must be one that is served.
	group.PrioritizedVersions = slices.DeleteFunc(group.PrioritizedVersions, func(version schema.GroupVersion) bool {
		return len(group.VersionedResourcesStorageMap[version.Version]) == 0
	})
	if err := server.InstallAPIGroup(&group); err != nil {
		return fmt.Errorf("installing the API: %w", err)
	}
	return o.serveUntilRemoved(ctx, host, server)
}

// serveUntilRemoved serves until ctx ends. When that is because the server is deleted for good, its registration is taken down first.
func (o *Options) serveUntilRemoved(ctx context.Context, host *Host, server *genericapiserver.GenericAPIServer) error {
	own, err := versioned.NewForConfig(server.LoopbackClientConfig)
	if err != nil {
		return fmt.Errorf("making the client of this server: %w", err)
	}
	care := &caretaker.Caretaker{Host: host.Client, Registrations: host.Registrations, Own: own, Namespace: o.Namespace, Clock: clock.RealClock{}}
	if err := server.AddPostStartHook("restage-caretaker", func(hook genericapiserver.PostStartHookContext) error {
		go care.Run(hook)
		return nil
	}); err != nil {
		return err
	}
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer context.AfterFunc(ctx, func() {
		defer end()
		care.StepDown(ctx)
	})()
	return server.PrepareRun().RunWithContext(serving)
}
