// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"gocloud.dev/blob"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// maxLossesBytes bounds a file of losses: a sealed piece of the log is smaller.
const maxLossesBytes = 256 << 20

// Loss counts exchanges that were seen but not recorded. (PodUID, ProxyInstance, Sequence) names it.
type Loss struct {
	Namespace     string `json:"namespace"`
	Workload      string `json:"workload"`
	Pod           string `json:"pod"`
	PodUID        string `json:"podUID"`
	ProxyInstance string `json:"proxyInstance"`
	Sequence      uint64 `json:"sequence"`
	Direction     string `json:"direction,omitempty"` // inbound, outbound, or empty when it may be either
	Count         uint64 `json:"count"`
	From          int64  `json:"from"` // Unix nanoseconds, inclusive
	To            int64  `json:"to"`   // Unix nanoseconds, inclusive
	Reason        string `json:"reason"`
	// LeftOut says that nothing was lost: the capture asks for it.
	LeftOut bool `json:"leftOut,omitempty"`
}

// NewLoss returns the loss in the form in which it is kept, without what the forwarder knows of the pod.
func NewLoss(l *trafficpb.Loss) Loss {
	loss := Loss{Workload: l.GetWorkload(), Count: l.GetCount(), From: l.GetFrom(), To: l.GetTo(), Reason: l.GetReason(), LeftOut: l.GetLeftOut()}
	if l.GetDirection() != trafficpb.Direction_DIRECTION_UNSPECIFIED {
		loss.Direction = directionColumn(l.GetDirection())
	}
	return loss
}

// MayBeOutbound tells that calls which the pod made may be among the lost.
func (l *Loss) MayBeOutbound() bool { return l.Direction != inbound }

type lossesFile struct {
	SchemaVersion int    `json:"schemaVersion"`
	Losses        []Loss `json:"losses"`
}

// WriteLosses writes a file of losses.
func WriteLosses(ctx context.Context, bucket *blob.Bucket, key string, losses []Loss) error {
	return Put(ctx, bucket, key, func(out io.Writer) error {
		return json.NewEncoder(out).Encode(lossesFile{SchemaVersion: SchemaVersion, Losses: losses})
	})
}

// ReadLosses reads a file of losses.
func ReadLosses(ctx context.Context, bucket *blob.Bucket, key string) ([]Loss, error) {
	data, err := Get(ctx, bucket, key, maxLossesBytes)
	if err != nil {
		return nil, err
	}
	var file lossesFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("reading %s: %w", key, err)
	}
	if !readable(file.SchemaVersion) {
		return nil, fmt.Errorf("reading %s: it has schema version %d; %s", key, file.SchemaVersion, readableVersions())
	}
	return file.Losses, nil
}
