// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/capturespec"
	"github.com/restage-dev/restage/pkg/controller/descriptorset"
)

// reading is how the traffic of a workload is read, in the form in which the forwarder keeps it.
type reading struct {
	redaction     string // empty for what is redacted by default
	descriptorSet []byte // empty when there is none
}

// reading returns how the traffic of the snapshot's workload is read: as its capture says, and of several captures the oldest, which is
// the one that records.
func (r *Reconciler) reading(ctx context.Context, snapshot *v1alpha1.TrafficSnapshot) (how reading, err error) {
	captures, err := r.Captures.TrafficCaptures(snapshot.Namespace).List(labels.Everything())
	if err != nil {
		return how, fmt.Errorf("looking for the capture of the workload: %w", err)
	}
	var active *v1alpha1.TrafficCapture
	for _, capture := range captures {
		if capture.Spec.WorkloadRef == snapshot.Spec.WorkloadRef && (active == nil || capture.CreationTimestamp.Before(&active.CreationTimestamp)) {
			active = capture
		}
	}
	if active == nil {
		return how, nil
	}
	if active.Spec.Redaction != nil {
		data, err := json.Marshal(capturespec.Redaction(active.Spec.Redaction))
		if err != nil {
			return how, fmt.Errorf("encoding how the traffic is redacted: %w", err)
		}
		how.redaction = string(data)
	}
	if name := active.Spec.DescriptorSetConfigMapName; name != "" {
		how.descriptorSet, err = descriptorset.Read(ctx, r.Kube, active.Namespace, name)
	}
	return how, err
}
