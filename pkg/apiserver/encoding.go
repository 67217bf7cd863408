// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapiserver "k8s.io/apiserver/pkg/server"
	serverstorage "k8s.io/apiserver/pkg/server/storage"
)

// storageFactory stores each resource as JSON in one version: the preferred one of those that its lifecycle allows for the
// release that is emulated, so that one may go back to that release.
type storageFactory struct {
	*serverstorage.DefaultStorageFactory
}

// ResourcePrefix is a part of every key, so it must never change.
func (storageFactory) ResourcePrefix(resource schema.GroupResource) string {
	return resource.Group + "/" + resource.Resource
}

// applyStorage makes the versions of stored objects and their place part of the configuration.
func (o *Options) applyStorage(c *genericapiserver.RecommendedConfig, embedded *embeddedStorage) error {
	config := o.Etcd.StorageConfig
	config.StorageObjectCountTracker = c.StorageObjectCountTracker
	encoding := serverstorage.NewDefaultResourceEncodingConfigForEffectiveVersion(o.api.Scheme, c.EffectiveVersion)
	if err := o.Etcd.ApplyWithStorageFactoryTo(storageFactory{
		serverstorage.NewDefaultStorageFactory(config, runtime.ContentTypeJSON, o.codecs, encoding, nil, nil),
	}, &c.Config); err != nil {
		return err
	}
	if embedded != nil && o.Etcd.EnableWatchCache && len(o.Etcd.WatchCacheSizes) == 0 { // else the generic server decides what is cached
		embedded.RESTOptionsGetter, c.RESTOptionsGetter = c.RESTOptionsGetter, embedded
	}
	return nil
}
