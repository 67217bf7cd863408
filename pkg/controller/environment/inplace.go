// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/finalize"
	apply "github.com/restage-dev/restage/pkg/generated/applyconfiguration/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/inplace"
	"github.com/restage-dev/restage/pkg/workload"
)

// Finalizer keeps an environment until its workloads are given back.
const Finalizer = "replay.restage.dev/in-place"

func isInPlace(environment *v1alpha1.Environment) bool {
	return slices.ContainsFunc(environment.Spec.Workloads, func(w v1alpha1.EnvironmentWorkload) bool {
		return w.Strategy == v1alpha1.StrategyInPlace
	})
}

// hold puts the finalizer on before a workload is touched, and writes nothing else.
func (r *Reconciler) hold(ctx context.Context, environment *v1alpha1.Environment) error {
	config := apply.Environment(environment.Name, environment.Namespace).WithUID(environment.UID).WithFinalizers(Finalizer)
	_, err := r.Client.ReplayV1alpha1().Environments(environment.Namespace).Apply(ctx, config, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // it is gone, or another of its name is there
		return nil
	}
	if err != nil {
		return fmt.Errorf("holding the environment: %w", err)
	}
	return nil
}

// putInPlace writes the compiled template into the live workload, which it reads from the server.
func (r *Reconciler) putInPlace(ctx context.Context, m *making, wanted *v1alpha1.EnvironmentWorkload) error {
	namespace, name := m.environment.Namespace, wanted.Ref.Name
	live, err := r.Kube.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return refusal{reasonChanged, fmt.Errorf("there is no Deployment %q any more", name)}
	}
	if err != nil {
		return fmt.Errorf("reading Deployment %q: %w", name, err)
	}
	if err := r.keptWhole(ctx, live); err != nil {
		return err
	}
	template := wanted.Template.DeepCopy()
	base := template.Annotations[v1alpha1.AnnotationInPlaceBase]
	template.Annotations = maps.Clone(template.Annotations)
	delete(template.Annotations, v1alpha1.AnnotationInPlaceBase)
	err = inplace.Put(ctx, r.Kube, live, template, base, m.environment.Name, m.environment.UID)
	if errors.Is(err, inplace.ErrChanged) {
		return refusal{reasonChanged, fmt.Errorf("the Deployment %q: %w; make the environment again", name, err)}
	}
	return err
}

// keptWhole refuses a Deployment whose template must not be changed. One that is in place already ends with the environment.
func (r *Reconciler) keptWhole(ctx context.Context, live *appsv1.Deployment) error {
	w, err := workload.Of(live)
	if err != nil {
		return err
	}
	obstacle, err := r.Obstacle(ctx, w)
	if err != nil || obstacle == "" {
		return err
	}
	return refusal{reasonNotInPlace, fmt.Errorf("the Deployment %q cannot be changed in place: %s; use Clone", live.Name, obstacle)}
}

// giveBack restores what is in place in an environment that is being deleted, and lets it go.
func (r *Reconciler) giveBack(ctx context.Context, environment *v1alpha1.Environment) error {
	if !finalize.Has(environment, Finalizer) {
		return nil
	}
	for _, workload := range environment.Spec.Workloads {
		if workload.Strategy != v1alpha1.StrategyInPlace {
			continue
		}
		drifts, err := inplace.Restore(ctx, r.Kube, environment.Namespace, workload.Ref.Name, environment.UID)
		if err != nil {
			return err
		}
		klog.FromContext(ctx).Info("Gave a workload back", "deployment", workload.Ref.Name, "drifts", len(drifts))
		r.tell(environment, workload.Ref.Name, drifts)
	}
	environment.Finalizers = finalize.Without(environment, Finalizer)
	_, err := r.Client.ReplayV1alpha1().Environments(environment.Namespace).Update(ctx, environment, metav1.UpdateOptions{FieldManager: fieldManager})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it comes again
	}
	if err != nil {
		return fmt.Errorf("letting the environment go: %w", err)
	}
	return nil
}

// tell says what was left as somebody else had made it, where those who look for it will: at the workload, the environment and the replay.
func (r *Reconciler) tell(environment *v1alpha1.Environment, deployment string, drifts []inplace.Drift) {
	if len(drifts) == 0 {
		return
	}
	fields := make([]string, len(drifts))
	for i, drift := range drifts {
		fields[i] = drift.Field
		if drift.Manager != "" {
			fields[i] += " (by " + drift.Manager + ")"
		}
	}
	places := []corev1.ObjectReference{
		{APIVersion: "apps/v1", Kind: "Deployment", Name: deployment, Namespace: environment.Namespace},
		{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Environment", Name: environment.Name, Namespace: environment.Namespace, UID: environment.UID},
	}
	if owner := metav1.GetControllerOf(environment); owner != nil {
		places = append(places, corev1.ObjectReference{APIVersion: owner.APIVersion, Kind: owner.Kind, Name: owner.Name, Namespace: environment.Namespace, UID: owner.UID})
	}
	for i := range places {
		r.Events.Eventf(&places[i], corev1.EventTypeWarning, "NotRestored", "Deployment %s was given back, but for what was changed meanwhile and is left so: %s",
			deployment, strings.Join(fields, ", "))
	}
}
