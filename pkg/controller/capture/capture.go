// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package capture records workloads: it makes captures from annotations, puts the recording proxy into the templates
// of captured workloads and takes it out again without trace.
package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/capturespec"
	"github.com/restage-dev/restage/pkg/controller/descriptorset"
	"github.com/restage-dev/restage/pkg/controller/finalize"
	apply "github.com/restage-dev/restage/pkg/generated/applyconfiguration/replay/v1alpha1"
	clientset "github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	listers "github.com/restage-dev/restage/pkg/generated/listers/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// Finalizer keeps a capture until the proxy is out of the workload's template.
const Finalizer = "replay.restage.dev/capture"

// refresh is how often pods and what they recorded are counted.
const refresh = 10 * time.Second

// refreshRollout is the same while pods are being replaced, for which somebody may be waiting.
const refreshRollout = 3 * time.Second

// Reasons of the Ready condition.
const (
	reasonRecording   = "Recording"
	reasonNextRun     = "NextRun"
	reasonRollingOut  = "RollingOut"
	reasonNoPods      = "NoPods"
	reasonNotFound    = "WorkloadNotFound"
	reasonRefused     = "WorkloadNotSupported"
	reasonPodSecurity = "PodSecurity"
	reasonDuplicate   = "Duplicate"
	reasonNotInjected = "NotInjected"
	reasonLeftOut     = "LeftOut"
	reasonRights      = "RightMissing"
	reasonRestart     = "RestartNeeded"
)

// Options of the recording proxy.
type Options struct {
	Image           string
	ImagePullPolicy corev1.PullPolicy
	// ImagePullSecrets are names of Secrets that recorded pods pull images with besides their own.
	ImagePullSecrets []string
	Forwarder        string // host:port
	// Injection is how the proxy gets into pods, one of wiring.Injections. But for the first workloads are left alone.
	Injection string
}

// Reconciler puts the proxy into captured workloads and reports what is recorded. Its keys are TrafficCaptures.
type Reconciler struct {
	Kube      kubernetes.Interface
	Client    clientset.Interface
	Workloads workload.Cache
	Captures  listers.TrafficCaptureLister
	Stats     trafficpb.CapturesClient
	// EnsureCredentials makes what the proxy needs in a namespace.
	EnsureCredentials func(ctx context.Context, namespace string) error
	// EnsureTLS makes the CA of a namespace where TLS is read.
	EnsureTLS func(ctx context.Context, namespace string) error
	// DescriptorSets tell which of those that captures name can be read.
	DescriptorSets *descriptorset.Verdicts
	// Obstacle says why the template of a workload may not be written to; empty when it may.
	Obstacle func(ctx context.Context, w *workload.Workload) (string, error)
	Events   record.EventRecorder
	Options  Options
}

// Reconcile brings the workload's template and the capture's status up to date.
func (r *Reconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	cached, err := r.Captures.TrafficCaptures(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	capture := cached.DeepCopy()
	if capture.DeletionTimestamp != nil {
		return 0, r.finish(ctx, capture)
	}
	if !finalize.Has(capture, Finalizer) {
		return 0, r.hold(ctx, capture) // goes on with the event of the update
	}
	condition, err := r.record(ctx, capture)
	if err != nil {
		if condition, err = explain(err); err != nil {
			return 0, err
		}
	}
	again := refresh
	if condition.Reason == reasonRollingOut {
		again = refreshRollout
	}
	return again, r.updateStatus(ctx, cached, capture, condition)
}

// hold puts the finalizer on and writes nothing else, so that it neither meets nor undoes a user's edit that the cache does not hold yet.
func (r *Reconciler) hold(ctx context.Context, capture *v1alpha1.TrafficCapture) error {
	config := apply.TrafficCapture(capture.Name, capture.Namespace).WithUID(capture.UID).WithFinalizers(Finalizer)
	_, err := r.Client.ReplayV1alpha1().TrafficCaptures(capture.Namespace).Apply(ctx, config, metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	return err
}

// record puts the proxy into the workload's template, or takes it out of one that must not have it, and counts.
func (r *Reconciler) record(ctx context.Context, capture *v1alpha1.TrafficCapture) (metav1.Condition, error) {
	active, err := r.active(capture, sameName)
	if err != nil {
		return metav1.Condition{}, err
	}
	if active != nil && active.UID != capture.UID {
		return notReady(reasonDuplicate, duplicate(capture, active)), r.removeParameters(ctx, capture)
	}
	w, err := r.Workloads.Get(ctx, capture.Namespace, capture.Spec.WorkloadRef)
	if err != nil && !apierrors.IsNotFound(err) {
		return metav1.Condition{}, err
	}
	judgeAnnotations(capture, w)
	if err != nil || w.GetDeletionTimestamp() != nil {
		capture.Status.Pods, capture.Status.RecordingPods = 0, 0
		return notReady(reasonNotFound, fmt.Sprintf("%s %q does not exist", kindOf(capture), capture.Spec.WorkloadRef.Name)), nil
	}
	refused, err := r.refused(ctx, capture, w)
	if err != nil {
		return metav1.Condition{}, err
	}
	if refused != nil {
		return *refused, r.remove(ctx, capture)
	}
	if err := r.EnsureCredentials(ctx, capture.Namespace); err != nil {
		return metav1.Condition{}, err
	}
	if capturespec.TLS(capture.Spec.TLS).Outbound {
		if err := r.EnsureTLS(ctx, capture.Namespace); err != nil {
			return metav1.Condition{}, err
		}
	}
	advice, err := r.outside(ctx, w)
	if err != nil {
		return metav1.Condition{}, err
	}
	if advice != "" {
		capture.Status.Pods, capture.Status.RecordingPods = 0, 0
		return notReady(reasonNotInjected, advice), r.remove(ctx, capture)
	}
	if err := r.add(ctx, capture, w); err != nil {
		return metav1.Condition{}, err
	}
	r.observeDescriptorSet(ctx, capture)
	if err := r.observeTLS(ctx, capture, w, r.readStats(ctx, capture)); err != nil {
		return metav1.Condition{}, err
	}
	return r.countPods(ctx, capture, w)
}

// explain turns an error of reading or changing a workload that a user can do something about into a condition.
func explain(err error) (metav1.Condition, error) {
	var unknown *workload.UnknownKindError
	var bare *workload.NoTemplateError
	var right *workload.RightError
	switch {
	case errors.As(err, &unknown):
		return notReady(reasonNotFound, unknown.Error()), nil
	case errors.As(err, &bare):
		return notReady(reasonRefused, bare.Error()), nil
	case errors.As(err, &right):
		return notReady(reasonRights, right.Error()), nil
	}
	return metav1.Condition{}, err
}

func kindOf(capture *v1alpha1.TrafficCapture) string {
	return cmp.Or(capture.Spec.WorkloadRef.Kind, v1alpha1.DefaultWorkloadKind)
}

// duplicate says why another capture stands in the way of this one. What is recorded is kept under the name of the workload, so that two
// workloads of one name could not be told apart.
func duplicate(capture, active *v1alpha1.TrafficCapture) string {
	if sameWorkload(capture, active) {
		return fmt.Sprintf("TrafficCapture %s records this workload already", active.Name)
	}
	return fmt.Sprintf("TrafficCapture %s records %s %s already, and what is recorded is kept under that name", active.Name, kindOf(active), active.Spec.WorkloadRef.Name)
}

// add puts the proxy into the template, unless that is not ours to do.
func (r *Reconciler) add(ctx context.Context, capture *v1alpha1.TrafficCapture, w *workload.Workload) error {
	if r.Options.Injection == wiring.InjectionPolicy && !hasSidecar(w.Template.Spec) {
		return r.addParameters(ctx, capture, w)
	}
	if !r.changesWorkloads() || w.Change == workload.ChangeNever {
		return nil
	}
	patch, err := r.patch(ctx, capture, w)
	if err != nil {
		return err
	}
	added, err := addSidecar(ctx, r.Workloads.Client, w, patch)
	if added {
		r.Events.Eventf(capture, corev1.EventTypeNormal, "ProxyAdded", "The recording proxy was added to %s", w)
		r.Events.Eventf(w.Object, corev1.EventTypeNormal, "ProxyAdded", "TrafficCapture %s added the recording proxy; %s", capture.Name, consequence(w))
	}
	return err
}

// consequence says what comes of a change of the template.
func consequence(w *workload.Workload) string {
	switch w.Change {
	case workload.ChangeNextRun:
		return "it counts from the next run on"
	case workload.ChangeOnDelete:
		return "pods stay as they are until they are deleted"
	}
	return "the pods are replaced"
}

// remove takes the proxy out of the template, unless that is not ours to do.
func (r *Reconciler) remove(ctx context.Context, capture *v1alpha1.TrafficCapture) error {
	if !r.changesWorkloads() {
		return r.removeParameters(ctx, capture)
	}
	removed, err := RemoveSidecar(ctx, r.Workloads.Client, capture.Namespace, capture.Spec.WorkloadRef)
	if removed != nil {
		r.Events.Event(removed.Object, corev1.EventTypeNormal, "ProxyRemoved", "The recording proxy was taken out; "+consequence(removed))
	}
	return err
}

func (r *Reconciler) patch(ctx context.Context, capture *v1alpha1.TrafficCapture, w *workload.Workload) (injection.Patch, error) {
	secrets, err := r.pullSecrets(ctx, w)
	if err != nil {
		return injection.Patch{}, err
	}
	template, err := r.withAllVariables(ctx, w)
	if err != nil {
		return injection.Patch{}, err
	}
	return injection.Capture(injection.CaptureOptions{
		Settings:         capturespec.Settings(w.GetName(), capture.Spec, injection.DeclaredPorts(w.Template.Spec)),
		TLS:              capturespec.TLS(capture.Spec.TLS),
		Template:         template,
		Forwarder:        r.Options.Forwarder,
		Image:            r.Options.Image,
		ImagePullPolicy:  r.Options.ImagePullPolicy,
		ImagePullSecrets: secrets,
	}), nil
}

// finish takes the proxy out of the workload of a capture that is being deleted, unless another capture
// now records the workload, and lets the capture go. Without the right to that the capture stays and says which it is.
func (r *Reconciler) finish(ctx context.Context, capture *v1alpha1.TrafficCapture) error {
	if !finalize.Has(capture, Finalizer) {
		return nil
	}
	active, err := r.active(capture, sameWorkload)
	if err != nil {
		return err
	}
	if active == nil {
		if err := r.remove(ctx, capture); err != nil {
			return r.stuck(ctx, capture, err)
		}
		if err := r.farewell(ctx, capture); err != nil { // no capture, and no namespace, stays for an event
			klog.FromContext(ctx).Error(err, "It is not known which pods keep the recording proxy", "capture", klog.KObj(capture))
		}
	} else if err := r.removeParameters(ctx, capture); err != nil {
		return err
	}
	capture.Finalizers = finalize.Without(capture, Finalizer)
	_, err = r.Client.ReplayV1alpha1().TrafficCaptures(capture.Namespace).Update(ctx, capture, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// stuck says why a capture that is being deleted is still there, and returns the error, so that it is tried again.
func (r *Reconciler) stuck(ctx context.Context, capture *v1alpha1.TrafficCapture, why error) error {
	condition, err := explain(why)
	if err != nil {
		return why
	}
	return errors.Join(why, r.updateStatus(ctx, capture.DeepCopy(), capture, condition))
}

// active returns the capture that records the workload of this one: the oldest of those alike that is not being deleted.
func (r *Reconciler) active(capture *v1alpha1.TrafficCapture, alike func(a, b *v1alpha1.TrafficCapture) bool) (*v1alpha1.TrafficCapture, error) {
	all, err := r.Captures.TrafficCaptures(capture.Namespace).List(labels.Everything())
	if err != nil {
		return nil, err
	}
	return capturespec.Active(all, func(other *v1alpha1.TrafficCapture) bool { return alike(capture, other) }), nil
}

func sameName(a, b *v1alpha1.TrafficCapture) bool {
	return a.Spec.WorkloadRef.Name == b.Spec.WorkloadRef.Name
}

func sameWorkload(a, b *v1alpha1.TrafficCapture) bool {
	return workload.Same(a.Spec.WorkloadRef, b.Spec.WorkloadRef)
}

func (r *Reconciler) updateStatus(ctx context.Context, cached, capture *v1alpha1.TrafficCapture, condition metav1.Condition) error {
	condition.ObservedGeneration = capture.Generation
	capture.Status.ObservedGeneration = capture.Generation
	was := meta.FindStatusCondition(cached.Status.Conditions, condition.Type)
	meta.SetStatusCondition(&capture.Status.Conditions, condition)
	if equality.Semantic.DeepEqual(cached.Status, capture.Status) {
		return nil
	}
	_, err := r.Client.ReplayV1alpha1().TrafficCaptures(capture.Namespace).UpdateStatus(ctx, capture, metav1.UpdateOptions{})
	// Messages count pods, which come and go; what users are told of is another reason.
	if err == nil && (was == nil || was.Reason != condition.Reason) {
		r.Events.Event(capture, corev1.EventTypeNormal, condition.Reason, condition.Message)
	}
	return err
}

func notReady(reason, message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason, Message: message}
}
