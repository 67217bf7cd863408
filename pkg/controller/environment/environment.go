// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package environment builds isolated environments: a responder that plays the dependencies, and copies of workloads that
// reach nothing else.
package environment

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/finalize"
	"github.com/restage-dev/restage/pkg/controller/owned"
	clientset "github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	listers "github.com/restage-dev/restage/pkg/generated/listers/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/inplace"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

const (
	fieldManager = "restage-environment"
	// repair is how often what an environment is made of is applied without an event: not everything is watched.
	repair = 30 * time.Second
)

// Reasons of the Ready condition.
const (
	reasonReady       = "Ready"
	reasonResponder   = "ResponderNotReady"
	reasonWorkload    = "WorkloadNotReady"
	reasonNoSnapshot  = "SnapshotNotFound"
	reasonSnapshot    = "SnapshotNotReady"
	reasonNoClass     = "ClassNotFound"
	reasonNotCompiled = "TemplateNotCompiled"
	reasonMocks       = "UnknownMocks"
	reasonTaken       = "NameTaken"
	reasonInUse       = "WorkloadInUse"
	reasonChanged     = "WorkloadChanged"
	reasonNotInPlace  = "NotInPlace"
	reasonRefused     = "Refused"
)

// Options of what is put into environments.
type Options struct {
	ResponderImage  string
	ImagePullPolicy corev1.PullPolicy
	// ImagePullSecrets are names of Secrets that the responder's image is pulled with.
	ImagePullSecrets []string
	Forwarder        string // host:port
	// CreateOnly has Deployments made and then left as they are, where there is no right to change any.
	CreateOnly bool
}

// Reconciler builds environments. Its keys are Environments.
type Reconciler struct {
	Kube         kubernetes.Interface
	Client       clientset.Interface
	Environments listers.EnvironmentLister
	Classes      listers.EnvironmentClassLister
	Snapshots    listers.TrafficSnapshotLister
	Deployments  appslisters.DeploymentLister
	Jobs         batchlisters.JobLister
	Pods         corelisters.PodLister
	// Workloads reads the live workloads, whose Services lead to their copies.
	Workloads workload.Cache
	// EnsureCredentials makes what the responder needs in a namespace.
	EnsureCredentials func(ctx context.Context, namespace string) error
	// Egress reads what the proxies of an environment have counted.
	Egress func(context.Context, *v1alpha1.Environment) (*v1alpha1.EgressCounts, error)
	// Obstacle says why the template of a live workload may not be written to; empty when it may.
	Obstacle func(ctx context.Context, w *workload.Workload) (string, error)
	Events   record.EventRecorder
	Options  Options
}

// making is one environment with all that is needed to build it.
type making struct {
	environment *v1alpha1.Environment
	class       v1alpha1.EnvironmentClassSpec
	snapshot    *v1alpha1.TrafficSnapshot
	mocks       []string
	routes      []route
	owner       owned.Owner
}

func (m *making) pullPolicy(otherwise corev1.PullPolicy) corev1.PullPolicy {
	if m.class.ImagePullPolicy != "" {
		return m.class.ImagePullPolicy
	}
	return otherwise
}

// refusal is an error that becomes the Ready condition.
type refusal struct {
	reason string
	error
}

// Reconcile applies everything that the environment is made of. What it made goes with it, by owner references.
func (r *Reconciler) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	cached, err := r.Environments.Environments(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if cached.DeletionTimestamp != nil {
		return 0, r.giveBack(ctx, cached.DeepCopy())
	}
	if isInPlace(cached) && !finalize.Has(cached, Finalizer) {
		return 0, r.hold(ctx, cached)
	}
	environment := cached.DeepCopy()
	var condition metav1.Condition
	failure := r.build(ctx, environment)
	if failure == nil {
		if condition, err = r.observe(ctx, environment); err != nil {
			return 0, err
		}
		if err := r.prove(ctx, environment, condition.Status == metav1.ConditionTrue); err != nil {
			return 0, err
		}
	} else if condition = explain(failure); condition.Reason == "" {
		return 0, failure
	}
	if err := r.updateStatus(ctx, cached, environment, condition); err != nil {
		return 0, err
	}
	switch condition.Reason {
	case reasonRefused, reasonTaken, reasonInUse:
		return 0, failure // tried again with a growing delay
	}
	return repair, nil
}

// prove writes into the status what shows that nothing leaves the environment.
func (r *Reconciler) prove(ctx context.Context, environment *v1alpha1.Environment, ready bool) error {
	isolated, err := r.isolated(environment)
	if err != nil {
		return err
	}
	isolated.ObservedGeneration = environment.Generation
	meta.SetStatusCondition(&environment.Status.Conditions, isolated)
	if !ready {
		return nil
	}
	counts, err := r.Egress(ctx, environment)
	if err != nil { // as they were; the responder may just have been moved
		klog.FromContext(ctx).Info("The counters of the environment cannot be read", "err", err)
		return nil
	}
	environment.Status.Egress = counts
	return nil
}

// build makes the environment. Nothing is made as long as something is missing.
func (r *Reconciler) build(ctx context.Context, environment *v1alpha1.Environment) error {
	m, err := r.gather(environment)
	if err != nil {
		return err
	}
	if m.routes, err = r.findRoutes(ctx, environment); err != nil {
		return err
	}
	if err := r.EnsureCredentials(ctx, environment.Namespace); err != nil {
		return err
	}
	if err := r.applyWall(ctx, m); err != nil {
		return err
	}
	address, err := r.applyResponder(ctx, m)
	if err != nil {
		return err
	}
	environment.Status.ResponderAddress = net.JoinHostPort(address, strconv.Itoa(wiring.ResponderTunnelPort))
	environment.Status.Endpoints = nil
	for i := range environment.Spec.Workloads {
		endpoint, err := r.applyWorkload(ctx, m, &environment.Spec.Workloads[i])
		if err != nil {
			return err
		}
		environment.Status.Endpoints = append(environment.Status.Endpoints, endpoint)
	}
	return nil
}

// gather reads what the environment refers to.
func (r *Reconciler) gather(environment *v1alpha1.Environment) (*making, error) {
	m := &making{environment: environment, owner: ownerOf(environment)}
	if name := environment.Spec.ClassName; name != "" {
		class, err := r.Classes.Get(name)
		if apierrors.IsNotFound(err) {
			return nil, refusal{reasonNoClass, fmt.Errorf("EnvironmentClass %q does not exist", name)}
		}
		if err != nil {
			return nil, err
		}
		m.class = class.Spec
	}
	var err error
	m.snapshot, err = r.Snapshots.TrafficSnapshots(environment.Namespace).Get(environment.Spec.SnapshotName)
	switch {
	case apierrors.IsNotFound(err):
		return nil, refusal{reasonNoSnapshot, fmt.Errorf("TrafficSnapshot %q does not exist", environment.Spec.SnapshotName)}
	case err != nil:
		return nil, err
	case m.snapshot.DeletionTimestamp != nil:
		return nil, refusal{reasonSnapshot, fmt.Errorf("TrafficSnapshot %q is being deleted", m.snapshot.Name)}
	case !meta.IsStatusConditionTrue(m.snapshot.Status.Conditions, v1alpha1.ConditionReady):
		return nil, refusal{reasonSnapshot, fmt.Errorf("TrafficSnapshot %q is not ready", m.snapshot.Name)}
	}
	for _, workload := range environment.Spec.Workloads {
		if workload.Template == nil {
			return nil, refusal{reasonNotCompiled, fmt.Errorf("workload %q has no compiled template; create the environment again", workload.Name)}
		}
	}
	m.mocks, err = mocks(environment, m.snapshot)
	if err != nil {
		return nil, refusal{reasonMocks, err}
	}
	return m, nil
}

func ownerOf(environment *v1alpha1.Environment) owned.Owner {
	labels := map[string]string{v1alpha1.LabelEnvironment: environment.Name}
	if replay := environment.Labels[v1alpha1.LabelReplay]; replay != "" {
		labels[v1alpha1.LabelReplay] = replay
	}
	return owned.Owner{
		Controller:   *metav1.NewControllerRef(environment, v1alpha1.SchemeGroupVersion.WithKind("Environment")),
		Labels:       labels,
		FieldManager: fieldManager,
	}
}

// explain turns an error that a user can do something about into a condition. For any other the reason is empty.
func explain(err error) metav1.Condition {
	var refused refusal
	var taken *owned.TakenError
	var inUse *inplace.TakenError
	switch {
	case errors.As(err, &inUse):
		return notReady(reasonInUse, inUse.Error())
	case errors.As(err, &refused):
		return notReady(refused.reason, refused.Error())
	case errors.As(err, &taken):
		return notReady(reasonTaken, taken.Error())
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err):
		return notReady(reasonRefused, err.Error())
	}
	return metav1.Condition{}
}

func (r *Reconciler) updateStatus(ctx context.Context, cached, environment *v1alpha1.Environment, condition metav1.Condition) error {
	condition.ObservedGeneration = environment.Generation
	environment.Status.ObservedGeneration = environment.Generation
	was := meta.FindStatusCondition(cached.Status.Conditions, v1alpha1.ConditionReady)
	meta.SetStatusCondition(&environment.Status.Conditions, condition)
	if equality.Semantic.DeepEqual(cached.Status, environment.Status) {
		return nil
	}
	_, err := r.Client.ReplayV1alpha1().Environments(environment.Namespace).UpdateStatus(ctx, environment, metav1.UpdateOptions{})
	if err == nil && (was == nil || was.Reason != condition.Reason) {
		r.Events.Event(environment, corev1.EventTypeNormal, condition.Reason, condition.Message)
	}
	return err
}

// IsFinal tells whether a reason of a Ready condition that is not true will not change by waiting.
func IsFinal(reason string) bool {
	return reason == reasonNotCompiled || reason == reasonMocks || reason == reasonChanged || reason == reasonNotInPlace
}
