// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"cmp"
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/podstatus"
	"github.com/restage-dev/restage/pkg/injection"
)

// observe tells whether the responder and all copies are up and, when they are not, which is not and why.
func (r *Reconciler) observe(_ context.Context, environment *v1alpha1.Environment) (metav1.Condition, error) {
	why, err := r.notAvailable(environment.Namespace, ResponderName(environment.Name), responderLabels(environment.Name))
	if err != nil || why != "" {
		return notReady(reasonResponder, "responder: "+why), err
	}
	for _, workload := range environment.Spec.Workloads {
		name, unavailable := WorkloadName(environment.Name, workload.Name), r.notAvailable
		switch {
		case workload.Strategy == v1alpha1.StrategyInPlace:
			name = workload.Ref.Name
		case workload.Template != nil && runsToItsEnd(workload.Template.Spec):
			unavailable = r.notRunning
		}
		why, err := unavailable(environment.Namespace, name, injection.WorkloadLabels(environment.Name, workload.Name))
		if err != nil || why != "" {
			return notReady(reasonWorkload, fmt.Sprintf("workload %s: %s", workload.Name, why)), err
		}
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: reasonReady,
		Message: fmt.Sprintf("the responder answers and %d of %d workloads run", len(environment.Spec.Workloads), len(environment.Spec.Workloads)),
	}, nil
}

// notAvailable says what keeps a Deployment from being available; empty when nothing does.
func (r *Reconciler) notAvailable(namespace, name string, selector map[string]string) (string, error) {
	deployment, err := r.Deployments.Deployments(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return "is being created", nil
	}
	if err != nil {
		return "", err
	}
	if status := deployment.Status; status.ObservedGeneration >= deployment.Generation && status.UpdatedReplicas >= 1 && status.AvailableReplicas >= 1 {
		if old := status.Replicas - status.UpdatedReplicas; old > 0 {
			return fmt.Sprintf("waits for %d pods of before to end", old), nil
		}
		return "", nil
	}
	problem, err := r.podProblem(namespace, selector)
	return cmp.Or(problem, deploymentProblem(deployment)), err
}

// podProblem says what keeps the pod of a copy from being ready; empty when there is none.
func (r *Reconciler) podProblem(namespace string, selector map[string]string) (string, error) {
	pods, err := r.Pods.Pods(namespace).List(labels.SelectorFromSet(selector))
	if err != nil {
		return "", err
	}
	for _, pod := range pods {
		if pod.DeletionTimestamp == nil {
			return fmt.Sprintf("pod %s: %s", pod.Name, podstatus.Problem(pod)), nil
		}
	}
	return "", nil
}

// notRunning says what keeps a Job from running; empty when nothing does, or when it has done what it had to.
func (r *Reconciler) notRunning(namespace, name string, selector map[string]string) (string, error) {
	job, err := r.Jobs.Jobs(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return "is being created", nil
	}
	if err != nil {
		return "", err
	}
	for _, condition := range job.Status.Conditions {
		if condition.Type == batchv1.JobFailed && condition.Status == corev1.ConditionTrue {
			return podstatus.Join(condition.Reason, condition.Message), nil
		}
	}
	if job.Status.Succeeded > 0 || ptr.Deref(job.Status.Ready, 0) > 0 {
		return "", nil
	}
	problem, err := r.podProblem(namespace, selector)
	return cmp.Or(problem, "has no pods yet"), err
}

// deploymentProblem is why a Deployment has no pods, such as a quota.
func deploymentProblem(deployment *appsv1.Deployment) string {
	for _, condition := range deployment.Status.Conditions {
		if condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue {
			return podstatus.Join(condition.Reason, condition.Message)
		}
	}
	return "has no pods yet"
}

func notReady(reason, message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: reason, Message: message}
}
