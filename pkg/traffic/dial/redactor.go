// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package dial

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"google.golang.org/grpc"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Redactor returns what redacts traffic as that of a snapshot was when it was recorded, with the key in a file: all detectors, since one
// that was disabled then is made up for by looking at both sides, and the rules of the capture. Tokens stay as they are. Also returned are the
// types of the snapshot's gRPC messages, nil when nothing is known of them.
func Redactor(ctx context.Context, forwarder *grpc.ClientConn, snapshot wiring.Object, keyFile string, log *slog.Logger) (*redact.Redactor, *descriptor.Set, error) {
	redactor, err := redact.FromFile(keyFile)
	if err != nil {
		log.Warn("No redaction key: calls that hold secrets do not compare with recorded ones", "err", err)
		redactor = redact.NewRandom()
	}
	manifest, err := trafficpb.NewSnapshotsClient(forwarder).GetManifest(ctx,
		&trafficpb.ObjectRef{Namespace: snapshot.Namespace, Name: snapshot.Name, Uid: snapshot.UID})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the manifest: %w", err)
	}
	var settings wiring.RedactionSettings
	if text := manifest.GetRedaction(); text != "" {
		if err := json.Unmarshal([]byte(text), &settings); err != nil {
			return nil, nil, fmt.Errorf("reading how the snapshot was redacted: %w", err)
		}
	}
	settings.DisabledDetectors = nil
	if redactor, err = redactor.With(settings); err != nil {
		return nil, nil, fmt.Errorf("redacting as the snapshot was: %w", err)
	}
	types, err := typesOf(manifest)
	if err != nil {
		return nil, nil, err
	}
	return redactor.WithTypes(types).Matching(), types, nil
}

// Types returns the types of the gRPC messages of a snapshot, nil when nothing is known of them.
func Types(ctx context.Context, forwarder grpc.ClientConnInterface, snapshot *trafficpb.ObjectRef) (*descriptor.Set, error) {
	manifest, err := trafficpb.NewSnapshotsClient(forwarder).GetManifest(ctx, snapshot)
	if err != nil {
		return nil, err
	}
	return typesOf(manifest)
}

func typesOf(manifest *trafficpb.Manifest) (*descriptor.Set, error) {
	types, err := descriptor.ParseOptional(manifest.GetDescriptorSet())
	if err != nil {
		return nil, fmt.Errorf("reading the descriptor set of the snapshot: %w", err)
	}
	return types, nil
}
