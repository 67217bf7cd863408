// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"fmt"
	"math"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/capturespec"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

const (
	statsTimeout = 5 * time.Second
	// maxPods bounds how many pods of one workload are looked at.
	maxPods = 5000
)

// refused returns the condition that says why the workload must not get the proxy, nil when it may. Pods with the proxy
// would be refused by the stricter pod security standards, and a rollout of the workload would hang.
func (r *Reconciler) refused(ctx context.Context, capture *v1alpha1.TrafficCapture, w *workload.Workload) (*metav1.Condition, error) {
	if maker := w.Controlled(); maker != nil {
		condition := notReady(reasonRefused, fmt.Sprintf("%s is made by %s %s, which would undo any change of it; record that instead", w, maker.Kind, maker.Name))
		return &condition, nil
	}
	if capturespec.TLS(capture.Spec.TLS).Outbound && !w.BuiltIn() && !wiring.AtCreation(r.Options.Injection) {
		condition := notReady(reasonRefused, fmt.Sprintf("spec.tls.outbound: TLS is read in workloads of Kubernetes' own kinds alone, and %s is another", w))
		return &condition, nil
	}
	if err := injection.RefuseCapture(w.Template.Spec, w.PodSpecPath()); err != nil {
		condition := notReady(reasonRefused, err.Error())
		return &condition, nil
	}
	namespace, err := r.Kube.CoreV1().Namespaces().Get(ctx, w.GetNamespace(), metav1.GetOptions{ResourceVersion: "0"})
	if err != nil {
		return nil, fmt.Errorf("reading the pod security standard of namespace %q: %w", w.GetNamespace(), err)
	}
	if why := injection.RefuseNamespace(namespace.Name, namespace.Labels); why != "" {
		condition := notReady(reasonPodSecurity, why)
		return &condition, nil
	}
	return nil, nil
}

// countPods counts the pods of the workload and those that record, and says whether that is all. A pod that ends and does
// not record counts too: for a while it still takes requests, which nobody records.
func (r *Reconciler) countPods(ctx context.Context, capture *v1alpha1.TrafficCapture, w *workload.Workload) (metav1.Condition, error) {
	pods, err := w.Pods(ctx, r.Kube, maxPods)
	if err != nil {
		return metav1.Condition{}, fmt.Errorf("counting pods: %w", err)
	}
	var all, recording int32
	for _, pod := range pods {
		records := isRecording(&pod)
		ending := pod.DeletionTimestamp != nil
		if ending && records || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		all++
		if records {
			recording++
		}
	}
	capture.Status.Pods, capture.Status.RecordingPods = all, recording
	if without := withoutProxy(pods); without != "" {
		return notReady(reasonLeftOut, fmt.Sprintf("%d of %d pods run the recording proxy; %s", recording, all, without)), nil
	}
	if behind := r.behind(capture, w, pods); behind != "" {
		return notReady(reasonRestart, fmt.Sprintf("%d of %d pods run the recording proxy; %s", recording, all, behind)), nil
	}
	return recordingCondition(w, all, recording), nil
}

// withoutProxy says which pods came without the proxy that their template has, since their namespace would have refused them, and why; empty for none.
func withoutProxy(pods []corev1.Pod) string {
	count, reason := 0, ""
	for _, pod := range pods {
		ended := pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		if why := pod.Annotations[v1alpha1.AnnotationProxyLeftOut]; why != "" && !ended {
			count, reason = count+1, why
		}
	}
	if count == 0 {
		return ""
	}
	return fmt.Sprintf("%d were let in without it: %s", count, reason)
}

func recordingCondition(w *workload.Workload, all, recording int32) metav1.Condition {
	count := fmt.Sprintf("%d of %d pods run the recording proxy", recording, all)
	switch {
	case all == 0 && w.Change == workload.ChangeNextRun:
		return ready(reasonNextRun, fmt.Sprintf("the next run of %s is recorded", w))
	case all == 0:
		return notReady(reasonNoPods, fmt.Sprintf("%s has no pods", w))
	case recording < all && w.Change == workload.ChangeOnDelete:
		return notReady(reasonRollingOut, fmt.Sprintf("%s; %s does not replace its pods by itself: delete them, a few at a time", count, w))
	case recording < all:
		return notReady(reasonRollingOut, count)
	}
	return ready(reasonRecording, count)
}

func ready(reason, message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: reason, Message: message}
}

func isRecording(pod *corev1.Pod) bool {
	for _, status := range pod.Status.InitContainerStatuses {
		if status.Name == wiring.ProxyContainerName {
			return status.State.Running != nil && status.Started != nil && *status.Started
		}
	}
	return false
}

// readStats takes over what the forwarder holds of the workload, and returns it. When it does not answer, the former numbers stay and it
// returns nil.
func (r *Reconciler) readStats(ctx context.Context, capture *v1alpha1.TrafficCapture) *trafficpb.StatsResponse {
	ctx, cancel := context.WithTimeout(ctx, statsTimeout)
	defer cancel()
	stats, err := r.Stats.Stats(ctx, &trafficpb.StatsRequest{Namespace: capture.Namespace, Workload: capture.Spec.WorkloadRef.Name})
	if err != nil {
		klog.FromContext(ctx).Info("The forwarder does not tell what was recorded; keeping the former numbers", "reason", err.Error())
		return nil
	}
	capture.Status.Completeness = &v1alpha1.Completeness{
		Records:    int64(stats.GetRecords()),
		Incomplete: int64(stats.GetIncomplete()),
		Dropped:    int64(stats.GetDropped()),
		Percent:    Percent(stats.GetRecords(), stats.GetIncomplete(), stats.GetDropped()),
	}
	capture.Status.Rate = int64(math.Round(stats.GetRecordsPerSecond()))
	capture.Status.SizeBytes = stats.GetStoredBytes()
	capture.Status.LeftOut, capture.Status.Redacted = ReasonCounts(stats.GetLeftOut()), ReasonCounts(stats.GetRedacted())
	if last := stats.GetLastRecord(); last != 0 {
		capture.Status.LastRecordTime = &metav1.Time{Time: time.Unix(0, last).Truncate(time.Second)}
	}
	return stats
}

// ReasonCounts puts counts into the form in which a status has them.
func ReasonCounts(counts []*trafficpb.Count) (list []v1alpha1.ReasonCount) {
	for _, c := range counts {
		list = append(list, v1alpha1.ReasonCount{Name: c.GetName(), Count: int64(c.GetCount())})
	}
	return list
}

// Percent is the part of all calls seen that is held complete; empty when none was seen.
func Percent(records, incomplete, dropped uint64) string {
	if records+dropped == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", 100*float64(records-incomplete)/float64(records+dropped))
}
