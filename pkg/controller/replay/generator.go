// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/dataplane"
	"github.com/restage-dev/restage/pkg/controller/owned"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	// componentGenerator is the value of the component label on the generator.
	componentGenerator = "generator"
	// attempts that follow the first one of a generator that ends without a report.
	backoffLimit = 2
)

// GeneratorName names everything of the generator of a replay.
func GeneratorName(replay string) string {
	return replay + "-generator"
}

// start makes the generator. What fails because of what the user asked for ends the replay.
func (r *Reconciler) start(ctx context.Context, replay *v1alpha1.TrafficReplay, snapshot *v1alpha1.TrafficSnapshot, profile v1alpha1.ReplayProfileSpec, env *v1alpha1.Environment) (*ending, time.Duration, error) {
	left := deadline(replay).Sub(r.Clock.Now())
	if left <= 0 {
		return nil, pollInterval, nil // overdue
	}
	told, err := settings(replay, snapshot, profile, env, left)
	if err != nil {
		return failed(reasonInvalid, err.Error()), 0, nil
	}
	told.Cluster = r.Options.ClusterName
	err = r.applyGenerator(ctx, replay, told, env, r.class(env))
	var taken *owned.TakenError
	switch {
	case errors.As(err, &taken):
		return failed(reasonTaken, taken.Error()), 0, nil
	case apierrors.IsInvalid(err):
		return failed(reasonGenerator, err.Error()), 0, nil
	case err != nil:
		return nil, 0, err
	}
	set(replay, v1alpha1.ReplayRunning, metav1.ConditionFalse, reasonStarting, "the generator is being started")
	return nil, pollInterval, nil
}

// class holds the settings of the environment's class; none without an environment.
func (r *Reconciler) class(env *v1alpha1.Environment) v1alpha1.EnvironmentClassSpec {
	if env == nil || env.Spec.ClassName == "" {
		return v1alpha1.EnvironmentClassSpec{}
	}
	class, err := r.Classes.Get(env.Spec.ClassName)
	if err != nil { // the environment is ready, so that its class has only just gone
		return v1alpha1.EnvironmentClassSpec{}
	}
	return class.Spec
}

// applyGenerator makes the Job and before it all that it needs. Once the Job is there nothing is changed.
func (r *Reconciler) applyGenerator(ctx context.Context, replay *v1alpha1.TrafficReplay, told *wiring.ReplaySettings, env *v1alpha1.Environment, class v1alpha1.EnvironmentClassSpec) error {
	name, namespace, owner := GeneratorName(replay.Name), replay.Namespace, ownerOf(replay)
	jobs := r.Kube.BatchV1().Jobs(namespace)
	existing, err := jobs.Get(ctx, name, metav1.GetOptions{})
	if err == nil {
		if !metav1.IsControlledBy(existing, replay) {
			return owned.Contest(ctx, jobs, "Job", existing, owner.Controller)
		}
		return nil
	}
	if !apierrors.IsNotFound(err) {
		return err
	}
	if err := r.EnsureCredentials(ctx, namespace); err != nil {
		return err
	}
	access := dataplane.Access{
		Namespace: namespace, Name: name, ImagePullSecrets: r.Options.ImagePullSecrets,
		Rules: []rbacv1.PolicyRule{dataplane.ReadRecords(told.Snapshot.Name), dataplane.WriteReport(replay.Name)},
	}
	if err := access.Apply(ctx, r.Kube, owner); err != nil {
		return err
	}
	pod := r.generatorPod(replay, env, class)
	data, err := json.Marshal(told)
	if err != nil {
		return err
	}
	configMap := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Data:       map[string]string{pod.SettingsKey(): string(data)},
	}
	if _, err := owned.Apply(ctx, r.Kube.CoreV1().ConfigMaps(namespace), configMap, owner); err != nil {
		return err
	}
	job := generatorJob(replay, pod)
	owned.Adopt(job, owner)
	_, err = jobs.Create(ctx, job, metav1.CreateOptions{FieldManager: fieldManager})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("making Job %q: %w", name, err)
	}
	return nil
}

func (r *Reconciler) generatorPod(replay *v1alpha1.TrafficReplay, env *v1alpha1.Environment, class v1alpha1.EnvironmentClassSpec) dataplane.Pod {
	pod := dataplane.Pod{
		Container:        componentGenerator,
		Image:            r.Options.GeneratorImage,
		ImagePullPolicy:  r.Options.ImagePullPolicy,
		ImagePullSecrets: r.Options.ImagePullSecrets,
		Args:             []string{"--forwarder=" + r.Options.Forwarder},
		Resources:        class.GeneratorResources,
		NodeSelector:     class.NodeSelector,
		ServiceAccount:   GeneratorName(replay.Name),
		ConfigMap:        GeneratorName(replay.Name),
		SettingsPath:     wiring.GeneratorSettings,
	}
	if class.ImagePullPolicy != "" {
		pod.ImagePullPolicy = class.ImagePullPolicy
	}
	if env != nil {
		pod.LinkSecret = injection.LinkName(env.Name)
	}
	return pod
}

func generatorLabels(replay *v1alpha1.TrafficReplay) map[string]string {
	return map[string]string{v1alpha1.LabelReplay: replay.Name, v1alpha1.LabelComponent: componentGenerator}
}

// generatorJob runs one generator, again when it ends without having handed over a report. A generator that is evicted is
// replaced; the counters of its environment tell it what its predecessor did.
func generatorJob(replay *v1alpha1.TrafficReplay, pod dataplane.Pod) *batchv1.Job {
	spec := pod.Spec()
	spec.RestartPolicy = corev1.RestartPolicyNever
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: generatorLabels(replay)}, Spec: spec}
	if pod.LinkSecret != "" { // what is called is a copy, and not a URL, which may be in the mesh
		injection.NoMesh(&template)
	}
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: GeneratorName(replay.Name), Namespace: replay.Namespace, Labels: generatorLabels(replay)},
		Spec: batchv1.JobSpec{
			BackoffLimit: ptr.To[int32](backoffLimit),
			Template:     template,
		},
	}
}

func ownerOf(replay *v1alpha1.TrafficReplay) owned.Owner {
	return owned.Owner{
		Controller:   controllerRef(replay),
		Labels:       map[string]string{v1alpha1.LabelReplay: replay.Name},
		FieldManager: fieldManager,
	}
}
