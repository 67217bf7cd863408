// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package rest puts together the storage of all resources of the group replay.restage.dev.
package rest

import (
	"time"

	"google.golang.org/grpc"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/component-base/version"

	"github.com/restage-dev/restage/pkg/registry/replay/environment"
	"github.com/restage-dev/restage/pkg/registry/replay/environmentclass"
	"github.com/restage-dev/restage/pkg/registry/replay/replayprofile"
	"github.com/restage-dev/restage/pkg/registry/replay/trafficcapture"
	"github.com/restage-dev/restage/pkg/registry/replay/trafficreplay"
	"github.com/restage-dev/restage/pkg/registry/replay/trafficsnapshot"
	"github.com/restage-dev/restage/pkg/registry/resource"
)

// StorageProvider makes the storage of the group.
type StorageProvider struct {
	Scheme *runtime.Scheme
	Getter generic.RESTOptionsGetter
	// Forwarder keeps the content of subresources.
	Forwarder grpc.ClientConnInterface
	// RequestTimeout is that of the server.
	RequestTimeout time.Duration
	// Stopping is closed when the server is to end.
	Stopping <-chan struct{}
}

// Storage returns the storage by resource and subresource. It is the same for all versions.
func (p StorageProvider) Storage() (map[string]rest.Storage, error) {
	storage := map[string]rest.Storage{}
	if _, _, err := add(p, storage, trafficcapture.Kind()); err != nil {
		return nil, err
	}
	if _, _, err := add(p, storage, replayprofile.Kind()); err != nil {
		return nil, err
	}
	if _, _, err := add(p, storage, environment.Kind()); err != nil {
		return nil, err
	}
	if _, _, err := add(p, storage, environmentclass.Kind()); err != nil {
		return nil, err
	}
	snapshots, _, err := add(p, storage, trafficsnapshot.Kind())
	if err != nil {
		return nil, err
	}
	replays, replayStatus, err := add(p, storage, trafficreplay.Kind())
	if err != nil {
		return nil, err
	}
	storage["trafficsnapshots/records"] = trafficsnapshot.NewRecordsREST(snapshots, p.Forwarder, version.Get().GitVersion)
	storage["trafficsnapshots/upload"] = trafficsnapshot.NewUploadREST(snapshots, p.Forwarder, p.RequestTimeout)
	storage["trafficreplays/report"] = trafficreplay.NewReportREST(replays, p.Forwarder)
	storage["trafficreplays/log"] = trafficreplay.NewLogREST(replays, p.Forwarder, p.Stopping)
	storage["trafficreplays/cancel"] = trafficreplay.NewCancelREST(replayStatus)
	return storage, nil
}

func add[T resource.Object](p StorageProvider, storage map[string]rest.Storage, kind *resource.Kind[T]) (*resource.REST, *resource.StatusREST, error) {
	main, status, err := resource.NewREST(kind, p.Scheme, p.Getter)
	if err != nil {
		return nil, nil, err
	}
	storage[kind.Plural] = main
	if status != nil {
		storage[kind.Plural+"/status"] = status
	}
	return main, status, nil
}
