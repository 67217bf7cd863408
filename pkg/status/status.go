// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package status gathers what Restage does at the moment: what runs, what is recorded, what is replayed.
package status

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/kept"
	"github.com/restage-dev/restage/pkg/workload"
)

// lastReplays is how many replays that have ended are told of, in each namespace scope that was asked for.
const lastReplays = 5

// Status of Restage.
type Status struct {
	Namespace  string                   `json:"namespace"`
	Components []installation.Component `json:"components"`
	// StorageURL is where traffic is kept; empty for the forwarder's own volume.
	StorageURL string `json:"storageURL,omitempty"`
	// TrafficBytes and SnapshotBytes are what the captures and the snapshots told of take in the storage.
	TrafficBytes  int64     `json:"trafficBytes"`
	SnapshotBytes int64     `json:"snapshotBytes"`
	Snapshots     int       `json:"snapshots"`
	Captures      []Capture `json:"captures"`
	// Replays that run, then those that ended last.
	Replays []Replay `json:"replays"`
	// Kept are pods that keep the recording proxy of a capture that has ended, or of an installation that is gone.
	Kept []kept.Pods `json:"kept,omitempty"`
	// Trouble says why captures, snapshots, replays or pods that keep the proxy are not known.
	Trouble string `json:"trouble,omitempty"`
}

// Capture is a workload that is recorded.
type Capture struct {
	Namespace string `json:"namespace"`
	Workload  string `json:"workload"`
	Ready     bool   `json:"ready"`
	// RecordingPods of Pods have the proxy.
	RecordingPods int32 `json:"recordingPods"`
	Pods          int32 `json:"pods"`
	Records       int64 `json:"records"`
	// Rate is how many records a second came over the last minute, SizeBytes what is kept of them in the storage.
	Rate       int64        `json:"rate"`
	SizeBytes  int64        `json:"sizeBytes"`
	Dropped    int64        `json:"dropped"`
	LastRecord *metav1.Time `json:"lastRecord,omitempty"`
	// Reason is why it is not ready.
	Reason string `json:"reason,omitempty"`
}

// Replay is one that runs or has ended.
type Replay struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Snapshot  string `json:"snapshot"`
	Phase     string `json:"phase"`
	// Percent of the requests that have been sent, and requests a second.
	Percent int32        `json:"percent"`
	Rate    int64        `json:"rate"`
	Started *metav1.Time `json:"started,omitempty"`
	Ended   *metav1.Time `json:"ended,omitempty"`
	// Reason of the verdict.
	Reason string `json:"reason,omitempty"`
}

// Look finds pods that keep the proxy, but for some; see kept.Find.
type Look func(ctx context.Context, except kept.Except) ([]kept.Pods, error)

// Gather reads the captures, replays and snapshots of a namespace, or of all when it is empty. An API that does not answer is told of in the
// status: that is when one looks at it. So is a look that fails. It is for pods that no capture records; nil for none.
func Gather(ctx context.Context, found *installation.Installation, client versioned.Interface, namespace string, look Look) Status {
	s := Status{Components: []installation.Component{}, Captures: []Capture{}, Replays: []Replay{}}
	if !found.Installed() {
		s.keep(ctx, look, nil)
		return s
	}
	s.Namespace, s.Components, s.StorageURL = found.Namespace, found.State(), found.StorageURL()
	captures, err := client.ReplayV1alpha1().TrafficCaptures(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		s.fail(fmt.Errorf("listing the captures: %w", err))
		return s
	}
	for i := range captures.Items {
		s.Captures = append(s.Captures, capture(&captures.Items[i]))
		s.TrafficBytes += captures.Items[i].Status.SizeBytes
	}
	s.keep(ctx, look, captures.Items)
	snapshots, err := client.ReplayV1alpha1().TrafficSnapshots(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		s.fail(fmt.Errorf("listing the snapshots: %w", err))
		return s
	}
	s.Snapshots = len(snapshots.Items)
	for i := range snapshots.Items {
		s.SnapshotBytes += snapshots.Items[i].Status.SizeBytes
	}
	replays, err := client.ReplayV1alpha1().TrafficReplays(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		s.fail(fmt.Errorf("listing the replays: %w", err))
		return s
	}
	s.Replays = newest(replays.Items)
	return s
}

// keep adds the pods that keep the proxy although none of the captures records them.
func (s *Status) keep(ctx context.Context, look Look, captures []v1alpha1.TrafficCapture) {
	if look == nil {
		return
	}
	var err error
	s.Kept, err = look(ctx, func(namespace string, ref v1alpha1.WorkloadReference) bool {
		return slices.ContainsFunc(captures, func(c v1alpha1.TrafficCapture) bool {
			return c.Namespace == namespace && workload.Same(c.Spec.WorkloadRef, ref)
		})
	})
	if err != nil {
		s.fail(err)
	}
}

// fail adds what is not known.
func (s *Status) fail(err error) {
	if s.Trouble != "" {
		s.Trouble += "; "
	}
	s.Trouble += err.Error()
}

func capture(c *v1alpha1.TrafficCapture) Capture {
	told := Capture{
		Namespace: c.Namespace, Workload: c.Spec.WorkloadRef.Name, Ready: meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionReady),
		RecordingPods: c.Status.RecordingPods, Pods: c.Status.Pods, LastRecord: c.Status.LastRecordTime,
		Rate: c.Status.Rate, SizeBytes: c.Status.SizeBytes,
	}
	if held := c.Status.Completeness; held != nil {
		told.Records, told.Dropped = held.Records, held.Dropped
	}
	if condition := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReady); condition != nil && !told.Ready {
		told.Reason = condition.Reason + ": " + condition.Message
	}
	return told
}

// newest are the replays that run, newest first, and the last of those that have ended.
func newest(replays []v1alpha1.TrafficReplay) []Replay {
	running, over := []Replay{}, []Replay{}
	slices.SortStableFunc(replays, func(a, b v1alpha1.TrafficReplay) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for i := range replays {
		if told := replay(&replays[i]); told.Ended == nil {
			running = append(running, told)
		} else {
			over = append(over, told)
		}
	}
	slices.SortStableFunc(over, func(a, b Replay) int { return b.Ended.Compare(a.Ended.Time) })
	return append(running, over[:min(len(over), lastReplays)]...)
}

func replay(r *v1alpha1.TrafficReplay) Replay {
	told := Replay{
		Namespace: r.Namespace, Name: r.Name, Snapshot: r.Spec.SnapshotName, Phase: string(r.Status.Phase),
		Started: r.Status.StartTime, Ended: r.Status.CompletionTime,
	}
	if progress := r.Status.Progress; progress != nil {
		told.Percent, told.Rate = progress.Percent, progress.Rate
	}
	if passed := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ReplayPassed); passed != nil {
		told.Reason = passed.Reason
	}
	return told
}
