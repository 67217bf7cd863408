// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"io"

	"gocloud.dev/blob"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// maxManifestBytes bounds a manifest, which lists files, pods and slices.
const maxManifestBytes = 64 << 20

const manifestName = "manifest.json"

// WriteManifest writes the manifest of a snapshot. It is written last: a snapshot without one is not there.
func WriteManifest(ctx context.Context, bucket *blob.Bucket, manifest *trafficpb.Manifest) error {
	data, err := protojson.MarshalOptions{Indent: "  "}.Marshal(manifest)
	if err != nil {
		return fmt.Errorf("encoding the manifest: %w", err)
	}
	return Put(ctx, bucket, manifestKey(manifest.GetSnapshot()), func(out io.Writer) error {
		_, err := out.Write(data)
		return err
	})
}

// ReadManifest reads the manifest of a snapshot. The error is IsNotFound when there is none of that
// namespace and uid; the name is for the caller to compare.
func ReadManifest(ctx context.Context, bucket *blob.Bucket, snapshot *trafficpb.ObjectRef) (*trafficpb.Manifest, error) {
	data, err := Get(ctx, bucket, manifestKey(snapshot), maxManifestBytes)
	if err != nil {
		return nil, err
	}
	manifest := &trafficpb.Manifest{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, manifest); err != nil {
		return nil, fmt.Errorf("reading the manifest of snapshot %s: %w", snapshot.GetUid(), err)
	}
	if !readable(int(manifest.GetSchemaVersion())) {
		return nil, fmt.Errorf("snapshot %s has schema version %d; %s", snapshot.GetUid(), manifest.GetSchemaVersion(), readableVersions())
	}
	return manifest, nil
}

func manifestKey(snapshot *trafficpb.ObjectRef) string {
	return SnapshotPrefix(snapshot.GetNamespace(), snapshot.GetUid()) + manifestName
}
