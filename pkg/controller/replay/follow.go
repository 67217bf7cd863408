// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/podstatus"
)

const progressTimeout = 5 * time.Second

// follow watches the generator until it is done, and then takes the verdict from its report.
func (r *Reconciler) follow(ctx context.Context, replay *v1alpha1.TrafficReplay) (*ending, time.Duration, error) {
	r.mirrorEnvironment(replay)
	job, err := r.job(ctx, replay)
	switch {
	case err != nil:
		return nil, 0, err
	case job == nil:
		return r.verdict(ctx, replay, "the generator's Job was deleted")
	}
	done, succeeded, message := outcome(job)
	switch {
	case !done:
		r.watchGenerator(ctx, replay, job)
		return nil, pollInterval, nil
	case succeeded:
		return r.verdict(ctx, replay, "the generator ended without a report")
	default:
		return r.verdict(ctx, replay, podstatus.Join("the generator failed", r.lastWords(replay, message)))
	}
}

// job returns the generator's Job, nil when it was deleted.
func (r *Reconciler) job(ctx context.Context, replay *v1alpha1.TrafficReplay) (*batchv1.Job, error) {
	name := GeneratorName(replay.Name)
	job, err := r.Jobs.Jobs(replay.Namespace).Get(name)
	if apierrors.IsNotFound(err) || err == nil && !metav1.IsControlledBy(job, replay) { // a cache may be behind
		job, err = r.Kube.BatchV1().Jobs(replay.Namespace).Get(ctx, name, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) || err == nil && !metav1.IsControlledBy(job, replay) {
		return nil, nil
	}
	return job, err
}

func outcome(job *batchv1.Job) (done, succeeded bool, message string) {
	for _, condition := range job.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		switch condition.Type {
		case batchv1.JobComplete:
			return true, true, ""
		case batchv1.JobFailed:
			return true, false, podstatus.Join(condition.Reason, condition.Message)
		}
	}
	return false, false, ""
}

// watchGenerator takes over the progress, and what keeps a generator from starting.
func (r *Reconciler) watchGenerator(ctx context.Context, replay *v1alpha1.TrafficReplay, job *batchv1.Job) {
	running := meta.FindStatusCondition(replay.Status.Conditions, v1alpha1.ReplayRunning)
	if running.Reason != reasonReplaying && (job.Status.Ready == nil || *job.Status.Ready == 0) {
		message := "the generator is being started"
		if why := r.lastWords(replay, ""); why != "" {
			message += ": " + why
		}
		set(replay, v1alpha1.ReplayRunning, metav1.ConditionFalse, reasonStarting, message)
		return
	}
	set(replay, v1alpha1.ReplayRunning, metav1.ConditionTrue, reasonReplaying, "the requests are being replayed")
	r.readProgress(ctx, replay)
}

// readProgress is for people only, so an error leaves the former numbers in place.
func (r *Reconciler) readProgress(ctx context.Context, replay *v1alpha1.TrafficReplay) {
	ctx, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	progress, err := r.Forwarder.GetProgress(ctx, objectRef(replay))
	if err != nil {
		if status.Code(err) != codes.NotFound {
			klog.FromContext(ctx).Info("Progress is not known; keeping the former numbers", "reason", err.Error())
		}
		return
	}
	p := &v1alpha1.ReplayProgress{
		Sent:   int64(progress.GetSent()),
		Total:  int64(progress.GetTotal()),
		Rate:   int64(progress.GetRate()),
		Errors: int64(progress.GetErrors()),
	}
	if p.Total > 0 {
		p.Percent = int32(100 * p.Sent / p.Total)
	}
	replay.Status.Progress = p
}

// lastWords says what is wrong with the newest pod of the generator, otherwise what is given.
func (r *Reconciler) lastWords(replay *v1alpha1.TrafficReplay, otherwise string) string {
	pods, err := r.Pods.Pods(replay.Namespace).List(labels.SelectorFromSet(generatorLabels(replay)))
	if err != nil {
		return otherwise
	}
	var newest *corev1.Pod
	for _, pod := range pods {
		if newest == nil || newest.CreationTimestamp.Before(&pod.CreationTimestamp) {
			newest = pod
		}
	}
	if newest == nil {
		return otherwise
	}
	return fmt.Sprintf("pod %s: %s", newest.Name, podstatus.Problem(newest))
}

// mirrorEnvironment keeps the condition up to date while the generator runs. It decides nothing: what an environment that
// breaks does to the replay is in the report.
func (r *Reconciler) mirrorEnvironment(replay *v1alpha1.TrafficReplay) {
	if replay.Status.EnvironmentName == "" {
		return
	}
	env, err := r.Environments.Environments(replay.Namespace).Get(replay.Status.EnvironmentName)
	if err != nil {
		if apierrors.IsNotFound(err) {
			set(replay, v1alpha1.ReplayEnvironmentReady, metav1.ConditionFalse, reasonEnvGone, "the environment was deleted during the replay")
		}
		return
	}
	if condition := meta.FindStatusCondition(env.Status.Conditions, v1alpha1.ConditionReady); condition != nil {
		mirror(replay, env, *condition)
	}
}
