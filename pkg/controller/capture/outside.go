// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/capturespec"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// changesWorkloads tells whether the proxy is put into the templates of workloads here.
func (r *Reconciler) changesWorkloads() bool {
	return r.Options.Injection == wiring.InjectionWorkload || r.Options.Injection == ""
}

// outside says what is to be done so that a workload gets the proxy, where that is not done here; empty when nothing is.
func (r *Reconciler) outside(ctx context.Context, w *workload.Workload) (string, error) {
	switch {
	case isInManifest(w), hasSidecar(w.Template.Spec) && !r.changesWorkloads():
		return "", nil
	case wiring.AtCreation(r.Options.Injection):
		return r.optIn(ctx, w)
	case w.Change == workload.ChangeNever:
		return fmt.Sprintf("the pod template of %s has no recording proxy and cannot be changed; to record it, delete it and create it again from a "+
			"manifest that kubectl restage inject -f has added the proxy to", w), nil
	case !r.changesWorkloads():
		return fmt.Sprintf("the template of %s has no recording proxy, and this installation of Restage "+
			"does not change workloads; add it where the template is kept, with kubectl restage inject", w), nil
	}
	obstacle, err := r.Obstacle(ctx, w)
	if obstacle == "" || err != nil {
		return "", err
	}
	return fmt.Sprintf("no recording proxy is put into the template of %s: %s", w, obstacle), nil
}

// optIn says how the pods of a workload are opted in to getting the proxy; empty when they are.
func (r *Reconciler) optIn(ctx context.Context, w *workload.Workload) (string, error) {
	namespace, err := r.Kube.CoreV1().Namespaces().Get(ctx, w.GetNamespace(), metav1.GetOptions{ResourceVersion: "0"})
	if err != nil {
		return "", fmt.Errorf("reading the labels of namespace %q: %w", w.GetNamespace(), err)
	}
	if capturespec.OptedIn(w.Template.Labels, namespace.Labels) {
		return "", nil
	}
	return fmt.Sprintf("the pods of %s are not opted in to getting the recording proxy as they are made; put the label %s=%s on its pod template, or on namespace %s",
		w, v1alpha1.LabelInject, v1alpha1.InjectEnabled, namespace.Name), nil
}

// behind says which pods were made before they could get the proxy as it is now, where it is added to pods as they are made; empty for none. Nobody but
// the workload's owner replaces them.
func (r *Reconciler) behind(capture *v1alpha1.TrafficCapture, w *workload.Workload, pods []corev1.Pod) string {
	if !wiring.AtCreation(r.Options.Injection) || hasSidecar(w.Template.Spec) {
		return ""
	}
	wanted := capturespec.Settings(w.GetName(), r.asked(capture, w.Template.Spec), injection.DeclaredPorts(w.Template.Spec))
	var without, former int
	for _, pod := range pods {
		switch {
		case pod.DeletionTimestamp != nil, pod.Status.Phase == corev1.PodSucceeded, pod.Status.Phase == corev1.PodFailed:
		case !injection.HasProxy(pod.Spec):
			without++
		case !r.asWanted(capture, wanted, pod.Spec):
			former++
		}
	}
	var said []string
	if without > 0 {
		said = append(said, fmt.Sprintf("%d were made without it, before the capture was there or while nothing could add it", without))
	}
	if former > 0 {
		said = append(said, fmt.Sprintf("%d run it with former settings", former))
	}
	if said == nil {
		return ""
	}
	return strings.Join(said, ", ") + "; " + replacement(w)
}

// asWanted tells whether the proxy of a pod was told what is wanted by the template. The webhook saw the pod, at a moment when other webhooks may or may not
// have added containers, which a new pod would not change: so their ports may be among the proxy's, and what they take from Secrets may keep it from TLS.
func (r *Reconciler) asWanted(capture *v1alpha1.TrafficCapture, wanted wiring.CaptureSettings, pod corev1.PodSpec) bool {
	told, err := injection.Settings(pod)
	if err != nil {
		return false
	}
	if r.Options.Injection == wiring.InjectionWebhook {
		last := capturespec.Settings(wanted.Workload, r.asked(capture, pod), injection.DeclaredPorts(pod))
		if among(wanted.Ports, told.Ports) && among(told.Ports, last.Ports) {
			told.Ports = wanted.Ports
		}
		if told.TLS == last.TLS {
			told.TLS = wanted.TLS
		}
	}
	return told.Argument() == wanted.Argument()
}

// among tells whether each port of some is one of all.
func among(some, all []uint16) bool {
	return !slices.ContainsFunc(some, func(port uint16) bool { return !slices.Contains(all, port) })
}

// asked is what a pod is made to do of what the capture asks for.
func (r *Reconciler) asked(capture *v1alpha1.TrafficCapture, pod corev1.PodSpec) v1alpha1.TrafficCaptureSpec {
	spec := capture.Spec
	if r.Options.Injection == wiring.InjectionWebhook {
		spec, _ = capturespec.WithoutSecrets(spec, pod)
	}
	return spec
}

// replacement says how pods of the workload are replaced.
func replacement(w *workload.Workload) string {
	if restart := w.RestartCommand(); restart != "" {
		return "to record them: " + restart
	}
	return "delete them to record those that come after"
}

// farewell tells the workload's owner which pods still have the proxy of a capture that ends, where nothing takes it out of them.
func (r *Reconciler) farewell(ctx context.Context, capture *v1alpha1.TrafficCapture) error {
	if !wiring.AtCreation(r.Options.Injection) {
		return nil
	}
	w, err := r.Workloads.Get(ctx, capture.Namespace, capture.Spec.WorkloadRef)
	if isGone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	pods, err := w.Pods(ctx, r.Kube, maxPods)
	if err != nil {
		return fmt.Errorf("counting the pods that are recorded: %w", err)
	}
	with := 0
	for _, pod := range pods {
		if injection.HasProxy(pod.Spec) && pod.DeletionTimestamp == nil {
			with++
		}
	}
	if with > 0 && !hasSidecar(w.Template.Spec) {
		r.Events.Eventf(w.Object, corev1.EventTypeNormal, "CaptureEnded",
			"TrafficCapture %s has ended: new pods come without the recording proxy; %d pods have it until they are replaced, and relay", capture.Name, with)
	}
	return nil
}
