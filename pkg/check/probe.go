// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apply"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	probeWait    = 90 * time.Second
	probePoll    = 300 * time.Millisecond
	probesAtOnce = 4
	// apiName is resolved by every pod that speaks to kube-apiserver by name.
	apiName = "kubernetes.default.svc"
)

// probeOutcome is what a probe pod found out, or what kept it from running.
type probeOutcome struct {
	namespace string
	result    *wiring.ProbeResult
	trouble   *Finding // when there is no result
}

// probe runs a pod in each target namespace, once, and removes it.
func (c *Cluster) probe(ctx context.Context) ([]probeOutcome, error) {
	if c.probes != nil {
		return c.probes, nil
	}
	outcomes := make([]probeOutcome, len(c.Targets))
	group, probing := errgroup.WithContext(ctx)
	group.SetLimit(probesAtOnce)
	for i, namespace := range c.Targets {
		group.Go(func() (err error) {
			outcomes[i], err = c.probeIn(probing, namespace)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	c.probes = outcomes
	return outcomes, nil
}

func (c *Cluster) probeIn(ctx context.Context, namespace string) (probeOutcome, error) {
	pods := c.Kube.CoreV1().Pods(namespace)
	pod, err := pods.Create(ctx, c.probePod(), metav1.CreateOptions{})
	if err != nil {
		return refusedProbe(namespace, err)
	}
	name := pod.Name
	defer func() {
		// Also when the caller has been interrupted: nothing is left behind.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), forwardTimeout)
		defer cancel()
		_ = pods.Delete(ending, name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
	}()
	why := "starting"
	err = wait.PollUntilContextTimeout(ctx, probePoll, probeWait, true, func(ctx context.Context) (bool, error) {
		if pod, err = pods.Get(ctx, name, metav1.GetOptions{}); err != nil {
			return false, fmt.Errorf("reading the probe pod in namespace %s: %w", namespace, err)
		}
		why = apply.PodReason(ctx, c.Kube, pod)
		return ended(pod) != nil || strings.Contains(why, "cannot be pulled"), nil
	})
	if err != nil && !wait.Interrupted(err) {
		return probeOutcome{}, err
	}
	return c.readProbe(namespace, pod, why)
}

// readProbe reads the result in the termination message.
func (c *Cluster) readProbe(namespace string, pod *corev1.Pod, why string) (probeOutcome, error) {
	last := ended(pod)
	if last == nil {
		finding := failure(c.podFix(why, namespace, "pods"), "the probe pod in namespace %s does not run: %s", namespace, clip(why))
		return probeOutcome{namespace: namespace, trouble: &finding}, nil
	}
	result := &wiring.ProbeResult{}
	if err := json.Unmarshal([]byte(last.Message), result); err != nil {
		finding := failure(c.reinstall(), "the probe pod in namespace %s ended with exit code %d and without a result (is the image of this release?): %s",
			namespace, last.ExitCode, clip(why))
		return probeOutcome{namespace: namespace, trouble: &finding}, nil
	}
	return probeOutcome{namespace: namespace, result: result}, nil
}

func ended(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	for _, status := range pod.Status.ContainerStatuses {
		return status.State.Terminated
	}
	return nil
}

// probePod has one container like the one that recorded pods begin with.
func (c *Cluster) probePod() *corev1.Pod {
	names, addresses := []string{apiName}, []string(nil)
	if c.Installed() {
		forwarder := installation.Forwarder + "." + c.home() + ".svc"
		names = append(names, forwarder)
		addresses = append(addresses, fmt.Sprintf("%s:%d", forwarder, wiring.ForwarderPort))
	}
	var secrets []corev1.LocalObjectReference
	for _, name := range c.Probe.PullSecrets {
		secrets = append(secrets, corev1.LocalObjectReference{Name: name})
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "restage-check-", Labels: map[string]string{
			"app.kubernetes.io/part-of": "restage", "app.kubernetes.io/component": "check",
		}},
		Spec: corev1.PodSpec{
			RestartPolicy:                corev1.RestartPolicyNever,
			AutomountServiceAccountToken: ptr.To(false),
			EnableServiceLinks:           ptr.To(false),
			// Should nobody be left to remove it.
			ActiveDeadlineSeconds: ptr.To(int64(2 * probeWait / time.Second)),
			ImagePullSecrets:      secrets,
			Containers:            []corev1.Container{injection.ProbeContainer(c.Probe.Name, c.Probe.PullPolicy, names, addresses)},
		},
	}
}

// refusedProbe says who refused the pod. What refuses it refuses recorded pods as well.
func refusedProbe(namespace string, err error) (probeOutcome, error) {
	why, fix := refusal(namespace, err.Error())
	if why == "" {
		return probeOutcome{}, fmt.Errorf("making the probe pod in namespace %s (--no-probe leaves it out): %w", namespace, err)
	}
	finding := failure(fix, "%s: %s", why, clip(err.Error()))
	return probeOutcome{namespace: namespace, trouble: &finding}, nil
}
