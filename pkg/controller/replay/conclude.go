// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// conclude clears up after a replay that has ended, and deletes the replay when its time has come.
func (r *Reconciler) conclude(ctx context.Context, replay *v1alpha1.TrafficReplay) (time.Duration, error) {
	if replay.Spec.Cleanup == v1alpha1.CleanupKeep {
		if err := r.stopCancelled(ctx, replay); err != nil {
			return 0, err
		}
		set(replay, v1alpha1.ReplayRestored, metav1.ConditionFalse, reasonKept, "cleanup is Keep: what the replay made stays until the replay is deleted")
		return r.expire(ctx, replay)
	}
	left, err := r.clear(ctx, replay)
	if err != nil {
		return 0, err
	}
	if len(left) > 0 {
		set(replay, v1alpha1.ReplayRestored, metav1.ConditionFalse, reasonRestoring, "still being deleted: "+strings.Join(left, ", "))
		return pollInterval, nil
	}
	set(replay, v1alpha1.ReplayRestored, metav1.ConditionTrue, reasonRestored, "nothing that the replay made is left")
	return r.expire(ctx, replay)
}

// stopCancelled ends the generator of a cancelled replay whose environment stays.
func (r *Reconciler) stopCancelled(ctx context.Context, replay *v1alpha1.TrafficReplay) error {
	if cancelled(replay) == nil {
		return nil
	}
	c := clearing{replay: replay}
	remove(ctx, &c, "Job", GeneratorName(replay.Name), r.Kube.BatchV1().Jobs(replay.Namespace))
	return c.err
}

// expire deletes the replay when its time to live has passed.
func (r *Reconciler) expire(ctx context.Context, replay *v1alpha1.TrafficReplay) (time.Duration, error) {
	if replay.Spec.TTLAfterFinished == nil || replay.Status.CompletionTime == nil {
		return 0, nil
	}
	left := replay.Status.CompletionTime.Add(replay.Spec.TTLAfterFinished.Duration).Sub(r.Clock.Now())
	if left > 0 {
		return left, nil
	}
	klog.FromContext(ctx).Info("Deleting a replay whose time to live has passed", "ttl", replay.Spec.TTLAfterFinished.Duration)
	err := r.Client.ReplayV1alpha1().TrafficReplays(replay.Namespace).Delete(ctx, replay.Name,
		metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(replay.UID))})
	return 0, ignoreNotFound(err)
}

// remains is a client of one of the kinds of objects that a replay makes.
type remains[T metav1.Object] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (T, error)
	Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error
}

// clear deletes everything that the replay made and returns what is still there. The deletion is a foreground one, so
// that an object is there until all that it owns has gone.
func (r *Reconciler) clear(ctx context.Context, replay *v1alpha1.TrafficReplay) ([]string, error) {
	c := clearing{replay: replay}
	namespace, generator := replay.Namespace, GeneratorName(replay.Name)
	remove(ctx, &c, "Job", generator, r.Kube.BatchV1().Jobs(namespace))
	remove(ctx, &c, "ConfigMap", generator, r.Kube.CoreV1().ConfigMaps(namespace))
	remove(ctx, &c, "RoleBinding", generator, r.Kube.RbacV1().RoleBindings(namespace))
	remove(ctx, &c, "Role", generator, r.Kube.RbacV1().Roles(namespace))
	remove(ctx, &c, "ServiceAccount", generator, r.Kube.CoreV1().ServiceAccounts(namespace))
	selectors := []labels.Set{generatorLabels(replay)}
	if name, standing := environmentName(replay); !standing {
		if remove(ctx, &c, "Environment", name, r.Client.ReplayV1alpha1().Environments(namespace)) {
			selectors = append(selectors, labels.Set{v1alpha1.LabelEnvironment: name})
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	for _, selector := range selectors {
		pods, err := r.Kube.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
		if err != nil {
			return nil, fmt.Errorf("looking for pods of the replay: %w", err)
		}
		c.left = append(c.left, podNames(pods.Items)...)
	}
	return c.left, nil
}

// clearing gathers what is left and the first error.
type clearing struct {
	replay *v1alpha1.TrafficReplay
	left   []string
	err    error
}

// remove deletes an object of the replay. An object of the same name that is not the replay's is left alone; then the
// result is false.
func remove[T metav1.Object](ctx context.Context, c *clearing, kind, name string, client remains[T]) (ours bool) {
	object, err := client.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return true
	case err != nil:
		c.fail(kind, name, err)
		return true
	case !metav1.IsControlledBy(object, c.replay):
		return false
	}
	c.left = append(c.left, kind+" "+name)
	if object.GetDeletionTimestamp() == nil {
		foreground := metav1.DeletePropagationForeground
		uid := object.GetUID()
		c.fail(kind, name, ignoreNotFound(client.Delete(ctx, name, metav1.DeleteOptions{
			PropagationPolicy: &foreground, Preconditions: &metav1.Preconditions{UID: &uid},
		})))
	}
	return true
}

func (c *clearing) fail(kind, name string, err error) {
	if err != nil && c.err == nil {
		c.err = fmt.Errorf("deleting %s %q: %w", kind, name, err)
	}
}

func podNames(pods []corev1.Pod) []string {
	names := make([]string, len(pods))
	for i, pod := range pods {
		names[i] = "Pod " + pod.Name
	}
	return names
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
