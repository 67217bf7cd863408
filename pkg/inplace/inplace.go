// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package inplace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"

	"github.com/restage-dev/restage/pkg/edit"
	"github.com/restage-dev/restage/pkg/workload"
)

// FieldManager owns what is added to a workload in place, and nothing of its own.
const FieldManager = "restage-in-place"

// TakenError says that a workload is in another environment already.
type TakenError struct{ Deployment, Environment string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("Deployment %q is in place in environment %q already; it can be in one at a time", e.Deployment, e.Environment)
}

// ErrChanged says that the workload is not any more as it was when its template was compiled.
var ErrChanged = errors.New("the workload has changed since its template was compiled")

// Put writes the template into the workload, in one step with the inventory. When it is there already, nothing is written. Base is the Hash of the
// template that the new one was compiled from. Server-side apply is not used: it could not put our containers before those
// that are there, and nothing may run before the rules stand.
func Put(ctx context.Context, kube kubernetes.Interface, live *appsv1.Deployment, template *corev1.PodTemplateSpec, base, environment string, uid types.UID) error {
	inventory, err := Read(live)
	switch {
	case err != nil:
		return err
	case inventory != nil && inventory.EnvironmentUID == uid:
		return settle(ctx, kube, live)
	case inventory != nil:
		return &TakenError{live.Name, inventory.Environment}
	}
	if hash, err := Hash(&live.Spec.Template); err != nil || hash != base {
		return errors.Join(err, ErrChanged)
	}
	w, err := workload.Of(live)
	if err != nil {
		return err
	}
	client := workload.Client{Kube: kube}
	// What the API server fills in is ours as well, and must be known to be taken for a change by somebody else.
	filled, err := edit.Try(ctx, client, w, edit.Change{Template: template, Annotations: live.Annotations}, FieldManager)
	if err != nil {
		return fmt.Errorf("trying the template of Deployment %q: %w", live.Name, err)
	}
	if inventory, err = take(live, &filled.Template, environment, uid); err != nil {
		return err
	}
	text, err := json.Marshal(inventory)
	if err != nil {
		return fmt.Errorf("writing the inventory: %w", err)
	}
	annotations := maps.Clone(live.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[Annotation] = string(text)
	return write(ctx, kube, live, template, annotations)
}

// Restore gives a workload back, whoever has it, in one step with taking the inventory away. It returns what somebody else changed meanwhile, which is
// left as it is. It reads the workload from the server. One that is gone, or is in no environment, is fine.
func Restore(ctx context.Context, kube kubernetes.Interface, namespace, name string, environment types.UID) (drifts []Drift, err error) {
	err = retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		drifts, err = restoreNow(ctx, kube, namespace, name, environment)
		return err
	})
	return drifts, err
}

// restoreNow does so unless the workload changes meanwhile.
func restoreNow(ctx context.Context, kube kubernetes.Interface, namespace, name string, environment types.UID) ([]Drift, error) {
	live, err := kube.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading Deployment %q: %w", name, err)
	}
	inventory, err := Read(live)
	if err != nil || inventory == nil || environment != "" && inventory.EnvironmentUID != environment {
		return nil, err
	}
	template, drifts, err := inventory.restore(live)
	if err != nil {
		return nil, fmt.Errorf("restoring Deployment %q: %w", name, err)
	}
	annotations := maps.Clone(live.Annotations)
	delete(annotations, Annotation)
	return drifts, write(ctx, kube, live, template, annotations)
}

// RestoreAll gives back every Deployment of a namespace, or of the cluster for metav1.NamespaceAll, for when nothing of ours is to be
// left. It goes on after an error and returns all of them.
func RestoreAll(ctx context.Context, kube kubernetes.Interface, namespace string) error {
	deployments, err := kube.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("looking for workloads that are in environments: %w", err)
	}
	var errs []error
	for i := range deployments.Items {
		if d := &deployments.Items[i]; d.Annotations[Annotation] != "" {
			_, err := Restore(ctx, kube, d.Namespace, d.Name, "")
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// write changes the template and the annotations of this very version of a workload.
func write(ctx context.Context, kube kubernetes.Interface, live *appsv1.Deployment, template *corev1.PodTemplateSpec, annotations map[string]string) error {
	w, err := workload.Of(live)
	if err != nil {
		return err
	}
	change := edit.Change{Template: template, Annotations: annotations}
	if _, err := edit.Write(ctx, workload.Client{Kube: kube}, w, change, FieldManager); err != nil {
		return fmt.Errorf("writing the template of Deployment %q: %w", live.Name, err)
	}
	return nil
}

// settle finishes what a process that has ended since has begun to write.
func settle(ctx context.Context, kube kubernetes.Interface, live *appsv1.Deployment) error {
	w, err := workload.Of(live)
	if err != nil {
		return err
	}
	return edit.Settle(ctx, workload.Client{Kube: kube}, w, FieldManager)
}
