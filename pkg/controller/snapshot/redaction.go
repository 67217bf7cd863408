// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/capturespec"
)

// redaction returns how the traffic of the snapshot's workload is redacted, in the form in which the forwarder keeps it: as its capture
// says, and of several captures the oldest, which is the one that records. It is empty for what is redacted by default.
func (r *Reconciler) redaction(snapshot *v1alpha1.TrafficSnapshot) (string, error) {
	captures, err := r.Captures.TrafficCaptures(snapshot.Namespace).List(labels.Everything())
	if err != nil {
		return "", fmt.Errorf("looking for the capture of the workload: %w", err)
	}
	var active *v1alpha1.TrafficCapture
	for _, capture := range captures {
		if capture.Spec.WorkloadRef == snapshot.Spec.WorkloadRef && (active == nil || capture.CreationTimestamp.Before(&active.CreationTimestamp)) {
			active = capture
		}
	}
	if active == nil || active.Spec.Redaction == nil {
		return "", nil
	}
	data, err := json.Marshal(capturespec.Redaction(active.Spec.Redaction))
	return string(data), err
}
