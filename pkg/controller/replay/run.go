// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/environment"
	"github.com/restage-dev/restage/pkg/controller/owned"
)

// run brings a replay that has begun nearer to its end: snapshot, profile, environment, generator. It returns the ending once
// there is one, else when to look again.
func (r *Reconciler) run(ctx context.Context, replay *v1alpha1.TrafficReplay) (*ending, time.Duration, error) {
	if hasGenerator(meta.FindStatusCondition(replay.Status.Conditions, v1alpha1.ReplayRunning)) {
		return r.follow(ctx, replay)
	}
	snapshot, end, err := r.snapshot(ctx, replay)
	if snapshot == nil {
		return end, waitInterval, err
	}
	profile, end, err := r.profile(ctx, replay)
	if end != nil || err != nil {
		return end, 0, err
	}
	var env *v1alpha1.Environment
	if replay.Spec.Mode != v1alpha1.ModeLoadOnly {
		env, end, err = r.environment(ctx, replay, snapshot, profile)
		if env == nil {
			return end, waitInterval, err
		}
	}
	if replay.Spec.Mode == v1alpha1.ModeMocksOnly {
		set(replay, v1alpha1.ReplayRunning, metav1.ConditionTrue, reasonServing, "the mocks are served until "+deadline(replay).UTC().Format(time.RFC3339))
		return nil, max(deadline(replay).Sub(r.Clock.Now()), pollInterval), nil
	}
	return r.start(ctx, replay, snapshot, profile, env)
}

// snapshot returns the snapshot when it can be replayed; without one it returns an ending, or waits.
func (r *Reconciler) snapshot(ctx context.Context, replay *v1alpha1.TrafficReplay) (*v1alpha1.TrafficSnapshot, *ending, error) {
	name := replay.Spec.SnapshotName
	snapshot, err := r.Snapshots.TrafficSnapshots(replay.Namespace).Get(name)
	if apierrors.IsNotFound(err) { // a cache may be behind
		snapshot, err = r.Client.ReplayV1alpha1().TrafficSnapshots(replay.Namespace).Get(ctx, name, metav1.GetOptions{})
	}
	switch {
	case apierrors.IsNotFound(err):
		return nil, failed(reasonNoSnapshot, fmt.Sprintf("TrafficSnapshot %q does not exist", name)), nil
	case err != nil:
		return nil, nil, err
	case !meta.IsStatusConditionTrue(snapshot.Status.Conditions, v1alpha1.ConditionReady):
		message := fmt.Sprintf("TrafficSnapshot %q is not ready", name)
		if ready := meta.FindStatusCondition(snapshot.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
			message += ": " + ready.Message
		}
		set(replay, v1alpha1.ReplayRunning, metav1.ConditionFalse, reasonSnapshot, message)
		return nil, nil, nil
	case snapshot.Status.Inbound == 0 && replay.Spec.Mode != v1alpha1.ModeMocksOnly:
		return nil, failed(reasonEmptySnapshot, fmt.Sprintf("TrafficSnapshot %q holds no inbound request, so there is nothing to replay", name)), nil
	}
	return snapshot, nil, nil
}

// profile returns the settings that hold.
func (r *Reconciler) profile(ctx context.Context, replay *v1alpha1.TrafficReplay) (v1alpha1.ReplayProfileSpec, *ending, error) {
	if replay.Spec.ProfileName == "" {
		return v1alpha1.EffectiveProfile(nil, replay.Spec.Profile), nil, nil
	}
	named, err := r.Profiles.ReplayProfiles(replay.Namespace).Get(replay.Spec.ProfileName)
	if apierrors.IsNotFound(err) { // a cache may be behind
		named, err = r.Client.ReplayV1alpha1().ReplayProfiles(replay.Namespace).Get(ctx, replay.Spec.ProfileName, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) {
		return v1alpha1.ReplayProfileSpec{}, failed(reasonNoProfile, fmt.Sprintf("ReplayProfile %q does not exist", replay.Spec.ProfileName)), nil
	}
	if err != nil {
		return v1alpha1.ReplayProfileSpec{}, nil, err
	}
	return v1alpha1.EffectiveProfile(&named.Spec, replay.Spec.Profile), nil, nil
}

// environment returns the environment when it is ready; it makes it when there is none.
func (r *Reconciler) environment(ctx context.Context, replay *v1alpha1.TrafficReplay, snapshot *v1alpha1.TrafficSnapshot, profile v1alpha1.ReplayProfileSpec) (*v1alpha1.Environment, *ending, error) {
	name, standing := environmentName(replay)
	replay.Status.EnvironmentName = name
	environments := r.Client.ReplayV1alpha1().Environments(replay.Namespace)
	env, err := r.Environments.Environments(replay.Namespace).Get(name)
	if apierrors.IsNotFound(err) {
		env, err = environments.Get(ctx, name, metav1.GetOptions{})
	}
	begun := isServing(replay)
	switch {
	case apierrors.IsNotFound(err) && begun:
		return nil, failed(reasonEnvGone, fmt.Sprintf("Environment %q was deleted during the replay", name)), nil
	case apierrors.IsNotFound(err) && standing:
		return nil, failed(reasonNoEnvironment, fmt.Sprintf("Environment %q does not exist", name)), nil
	case apierrors.IsNotFound(err):
		end, err := r.createEnvironment(ctx, replay, snapshot, profile)
		return nil, end, err
	case err != nil:
		return nil, nil, err
	case !standing && !metav1.IsControlledBy(env, replay) && env.DeletionTimestamp == nil:
		end, err := r.contest(ctx, replay, env)
		return nil, end, err
	case env.DeletionTimestamp != nil && (begun || standing):
		return nil, failed(reasonEnvGone, fmt.Sprintf("Environment %q is being deleted", name)), nil
	case env.DeletionTimestamp != nil: // of an earlier replay of the same name
		awaitDeletion(replay, name)
		return nil, nil, nil
	}
	return r.ready(replay, env, begun)
}

// contest ends the replay when the environment is somebody else's. One that an earlier replay of the same name has left goes first.
func (r *Reconciler) contest(ctx context.Context, replay *v1alpha1.TrafficReplay, env *v1alpha1.Environment) (*ending, error) {
	err := owned.Contest(ctx, r.Client.ReplayV1alpha1().Environments(env.Namespace), "Environment", env, controllerRef(replay))
	var taken *owned.TakenError
	var former *owned.FormerError
	switch {
	case errors.As(err, &taken):
		return failed(reasonTaken, fmt.Sprintf("Environment %q exists and does not belong to this replay", env.Name)), nil
	case errors.As(err, &former):
		awaitDeletion(replay, env.Name)
		return nil, nil
	default:
		return nil, err
	}
}

func awaitDeletion(replay *v1alpha1.TrafficReplay, name string) {
	set(replay, v1alpha1.ReplayEnvironmentReady, metav1.ConditionFalse, reasonEnvPending, fmt.Sprintf("an earlier Environment %q is still being deleted", name))
}

// mirror says of the replay what an environment says of itself: whether it is ready and, where its pods do not hold themselves, what does.
func mirror(replay *v1alpha1.TrafficReplay, env *v1alpha1.Environment, ready metav1.Condition) {
	isolated := meta.FindStatusCondition(env.Status.Conditions, v1alpha1.EnvironmentIsolated)
	if ready.Status == metav1.ConditionTrue && isolated != nil && isolated.Reason != environment.ReasonFailsClosed {
		ready.Message += fmt.Sprintf("; isolated: %s, %s: %s", isolated.Status, isolated.Reason, isolated.Message)
	}
	set(replay, v1alpha1.ReplayEnvironmentReady, ready.Status, ready.Reason, ready.Message)
}

// ready takes over what the environment says of itself.
func (r *Reconciler) ready(replay *v1alpha1.TrafficReplay, env *v1alpha1.Environment, begun bool) (*v1alpha1.Environment, *ending, error) {
	condition := meta.FindStatusCondition(env.Status.Conditions, v1alpha1.ConditionReady)
	if condition == nil {
		set(replay, v1alpha1.ReplayEnvironmentReady, metav1.ConditionFalse, reasonEnvPending, "the environment is being built")
		return nil, nil, nil
	}
	mirror(replay, env, *condition)
	switch {
	case condition.Status == metav1.ConditionTrue || begun:
		return env, nil, nil
	case environment.IsFinal(condition.Reason):
		return nil, failed(reasonEnvFailed, fmt.Sprintf("Environment %q: %s", env.Name, condition.Message)), nil
	default:
		set(replay, v1alpha1.ReplayRunning, metav1.ConditionFalse, reasonEnvPending, fmt.Sprintf("Environment %q is not ready: %s", env.Name, condition.Message))
		return nil, nil, nil
	}
}

func (r *Reconciler) createEnvironment(ctx context.Context, replay *v1alpha1.TrafficReplay, snapshot *v1alpha1.TrafficSnapshot, profile v1alpha1.ReplayProfileSpec) (*ending, error) {
	env := &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{
			Name:            replay.Name,
			Namespace:       replay.Namespace,
			Labels:          map[string]string{v1alpha1.LabelReplay: replay.Name},
			OwnerReferences: []metav1.OwnerReference{controllerRef(replay)},
		},
		Spec: v1alpha1.EnvironmentSpec{
			SnapshotName: replay.Spec.SnapshotName,
			Workloads:    replay.Spec.Workloads,
			Responder:    profile.Responder,
		},
	}
	if replay.Spec.Environment != nil && replay.Spec.Environment.Template != nil {
		env.Spec.ClassName = replay.Spec.Environment.Template.ClassName
	}
	if len(env.Spec.Workloads) == 0 {
		env.Spec.Workloads = []v1alpha1.EnvironmentWorkload{{Ref: snapshot.Spec.WorkloadRef}}
	}
	_, err := r.Client.ReplayV1alpha1().Environments(replay.Namespace).Create(ctx, env, metav1.CreateOptions{FieldManager: fieldManager})
	switch {
	case err == nil, apierrors.IsAlreadyExists(err):
		set(replay, v1alpha1.ReplayEnvironmentReady, metav1.ConditionFalse, reasonEnvPending, "the environment is being built")
		return nil, nil
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err) && !isTransient(err):
		return failed(reasonEnvRefused, err.Error()), nil
	}
	return nil, fmt.Errorf("making the environment: %w", err)
}

// isTransient tells a refusal that only says that the server's admission is still starting.
func isTransient(err error) bool {
	return strings.Contains(err.Error(), "not yet ready to handle request")
}

// environmentName names the environment of a replay and tells whether it is a standing one.
func environmentName(replay *v1alpha1.TrafficReplay) (name string, standing bool) {
	if replay.Spec.Environment != nil && replay.Spec.Environment.Name != "" {
		return replay.Spec.Environment.Name, true
	}
	return replay.Name, false
}

// isServing tells whether the environment was up and its mocks were served.
func isServing(replay *v1alpha1.TrafficReplay) bool {
	running := meta.FindStatusCondition(replay.Status.Conditions, v1alpha1.ReplayRunning)
	return running != nil && running.Reason == reasonServing
}

func controllerRef(replay *v1alpha1.TrafficReplay) metav1.OwnerReference {
	return *metav1.NewControllerRef(replay, v1alpha1.SchemeGroupVersion.WithKind("TrafficReplay"))
}
