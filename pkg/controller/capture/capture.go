// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package capture records workloads: it makes captures from annotations, puts the recording proxy into the templates
// of captured workloads and takes it out again without trace.
package capture

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"
	"k8s.io/client-go/tools/record"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/capturespec"
	"github.com/restage-dev/restage/pkg/controller/finalize"
	apply "github.com/restage-dev/restage/pkg/generated/applyconfiguration/replay/v1alpha1"
	clientset "github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	listers "github.com/restage-dev/restage/pkg/generated/listers/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Finalizer keeps a capture until the proxy is out of the workload's template.
const Finalizer = "replay.restage.dev/capture"

// refresh is how often pods and what they recorded are counted.
const refresh = 10 * time.Second

// Reasons of the Ready condition.
const (
	reasonRecording   = "Recording"
	reasonRollingOut  = "RollingOut"
	reasonNoPods      = "NoPods"
	reasonNotFound    = "WorkloadNotFound"
	reasonRefused     = "WorkloadNotSupported"
	reasonPodSecurity = "PodSecurity"
	reasonDuplicate   = "Duplicate"
	reasonNotInjected = "NotInjected"
)

// Options of the recording proxy.
type Options struct {
	Image           string
	ImagePullPolicy corev1.PullPolicy
	// ImagePullSecrets are names of Secrets that recorded pods pull images with besides their own.
	ImagePullSecrets []string
	Forwarder        string // host:port
	// Manual leaves workloads alone: their templates are injected where they are kept.
	Manual bool
}

// Reconciler puts the proxy into captured workloads and reports what is recorded. Its keys are TrafficCaptures.
type Reconciler struct {
	Kube        kubernetes.Interface
	Client      clientset.Interface
	Deployments appslisters.DeploymentLister
	Captures    listers.TrafficCaptureLister
	Stats       trafficpb.CapturesClient
	// EnsureCredentials makes what the proxy needs in a namespace.
	EnsureCredentials func(ctx context.Context, namespace string) error
	// EnsureTLS makes the CA of a namespace where TLS is read.
	EnsureTLS func(ctx context.Context, namespace string) error
	Events    record.EventRecorder
	Options   Options
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
	deployment, err := r.Deployments.Deployments(key.Namespace).Get(capture.Spec.WorkloadRef.Name)
	if err != nil && !apierrors.IsNotFound(err) {
		return 0, err
	}
	if err != nil {
		deployment = nil
	}
	active, err := r.active(capture)
	if err != nil {
		return 0, err
	}
	if capture.DeletionTimestamp != nil {
		return 0, r.finish(ctx, capture, active)
	}
	if !finalize.Has(capture, Finalizer) {
		return 0, r.hold(ctx, capture) // goes on with the event of the update
	}
	judgeAnnotations(capture, deployment)
	condition, err := r.record(ctx, capture, deployment, active)
	if err != nil {
		return 0, err
	}
	return refresh, r.updateStatus(ctx, cached, capture, condition)
}

// hold puts the finalizer on and writes nothing else, so that it neither meets nor undoes a user's edit that the cache does not hold yet.
func (r *Reconciler) hold(ctx context.Context, capture *v1alpha1.TrafficCapture) error {
	config := apply.TrafficCapture(capture.Name, capture.Namespace).WithUID(capture.UID).WithFinalizers(Finalizer)
	_, err := r.Client.ReplayV1alpha1().TrafficCaptures(capture.Namespace).Apply(ctx, config, metav1.ApplyOptions{FieldManager: FieldManager, Force: true})
	return err
}

// record puts the proxy into the workload's template, or takes it out of one that must not have it, and counts.
func (r *Reconciler) record(ctx context.Context, capture *v1alpha1.TrafficCapture, deployment *appsv1.Deployment, active *v1alpha1.TrafficCapture) (metav1.Condition, error) {
	if active != nil && active.UID != capture.UID {
		return notReady(reasonDuplicate, fmt.Sprintf("TrafficCapture %s records this workload already", active.Name)), nil
	}
	if deployment == nil || deployment.DeletionTimestamp != nil {
		capture.Status.Pods, capture.Status.RecordingPods = 0, 0
		return notReady(reasonNotFound, fmt.Sprintf("Deployment %q does not exist", capture.Spec.WorkloadRef.Name)), nil
	}
	refused, err := r.refused(ctx, deployment)
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
	if r.Options.Manual && !hasSidecar(deployment.Spec.Template.Spec) {
		capture.Status.Pods, capture.Status.RecordingPods = 0, 0
		return notReady(reasonNotInjected, fmt.Sprintf("the template of Deployment %s has no recording proxy, and this installation of Restage "+
			"does not change workloads; add it where the template is kept, with kubectl restage inject", deployment.Name)), nil
	}
	if err := r.add(ctx, capture, deployment); err != nil {
		return metav1.Condition{}, err
	}
	if err := r.observeTLS(ctx, capture, deployment, r.readStats(ctx, capture)); err != nil {
		return metav1.Condition{}, err
	}
	return r.countPods(ctx, capture, deployment)
}

// add puts the proxy into the template, unless that is not ours to do.
func (r *Reconciler) add(ctx context.Context, capture *v1alpha1.TrafficCapture, deployment *appsv1.Deployment) error {
	if r.Options.Manual {
		return nil
	}
	patch, err := r.patch(ctx, capture, deployment)
	if err != nil {
		return err
	}
	added, err := addSidecar(ctx, r.Kube, deployment, patch)
	if added {
		r.Events.Eventf(capture, corev1.EventTypeNormal, "ProxyAdded", "The recording proxy was added to Deployment %s", deployment.Name)
		r.Events.Eventf(deployment, corev1.EventTypeNormal, "ProxyAdded", "TrafficCapture %s added the recording proxy; the pods are replaced", capture.Name)
	}
	return err
}

// remove takes the proxy out of the template, unless that is not ours to do.
func (r *Reconciler) remove(ctx context.Context, capture *v1alpha1.TrafficCapture) error {
	if r.Options.Manual {
		return nil
	}
	removed, err := RemoveSidecar(ctx, r.Kube, capture.Namespace, capture.Spec.WorkloadRef.Name)
	if removed != nil {
		r.Events.Event(removed, corev1.EventTypeNormal, "ProxyRemoved", "The recording proxy was taken out; the pods are replaced")
	}
	return err
}

func (r *Reconciler) patch(ctx context.Context, capture *v1alpha1.TrafficCapture, deployment *appsv1.Deployment) (injection.Patch, error) {
	secrets, err := r.pullSecrets(ctx, deployment)
	if err != nil {
		return injection.Patch{}, err
	}
	template, err := r.withAllVariables(ctx, deployment)
	if err != nil {
		return injection.Patch{}, err
	}
	return injection.Capture(injection.CaptureOptions{
		Settings:         capturespec.Settings(deployment.Name, capture.Spec, injection.DeclaredPorts(deployment.Spec.Template.Spec)),
		TLS:              capturespec.TLS(capture.Spec.TLS),
		Template:         template,
		Forwarder:        r.Options.Forwarder,
		Image:            r.Options.Image,
		ImagePullPolicy:  r.Options.ImagePullPolicy,
		ImagePullSecrets: secrets,
	}), nil
}

// finish takes the proxy out of the workload of a capture that is being deleted, unless another capture
// now records the workload, and lets the capture go.
func (r *Reconciler) finish(ctx context.Context, capture, active *v1alpha1.TrafficCapture) error {
	if !finalize.Has(capture, Finalizer) {
		return nil
	}
	if active == nil {
		if err := r.remove(ctx, capture); err != nil {
			return err
		}
	}
	capture.Finalizers = finalize.Without(capture, Finalizer)
	_, err := r.Client.ReplayV1alpha1().TrafficCaptures(capture.Namespace).Update(ctx, capture, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// active returns the capture that records the workload of this one: the oldest that is not being deleted.
func (r *Reconciler) active(capture *v1alpha1.TrafficCapture) (*v1alpha1.TrafficCapture, error) {
	all, err := r.Captures.TrafficCaptures(capture.Namespace).List(labels.Everything())
	if err != nil {
		return nil, err
	}
	var oldest *v1alpha1.TrafficCapture
	for _, other := range all {
		if other.DeletionTimestamp != nil || other.Spec.WorkloadRef.Name != capture.Spec.WorkloadRef.Name {
			continue
		}
		if oldest == nil || isOlder(other, oldest) {
			oldest = other
		}
	}
	return oldest, nil
}

func isOlder(a, b *v1alpha1.TrafficCapture) bool {
	if a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.Name < b.Name
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
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
