// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wizard

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apply"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/install"
)

// offered is how many workloads are listed. Others can be named.
const offered = 20

// podSecurity is the label with the level of a namespace that pods must keep to.
const podSecurity = "pod-security.kubernetes.io/enforce"

// offerRecording has a first workload recorded, if that is wanted.
func (w *wizard) offerRecording(ctx context.Context) error {
	if w.options.Injection == install.InjectionManual {
		return nil // templates are injected where they are kept
	}
	workloads, err := w.workloads(ctx)
	if err != nil {
		return err
	}
	if len(workloads) == 0 {
		return nil
	}
	w.heading("First workload", "Recording one adds a proxy to its pods, which are rolled once, as by any change of the template. Without the annotation the proxy goes again.")
	for i, name := range workloads[:min(len(workloads), offered)] {
		w.say(2, "", fmt.Sprintf("%2d  %s", i+1, name))
	}
	if more := len(workloads) - offered; more > 0 {
		w.say(2, faint, fmt.Sprintf("    and %d more: write NAMESPACE/NAME", more))
	}
	w.recorded, err = w.text(ctx, "Record, by number or name", "", func(answer string) error {
		if answer == "" {
			return nil
		}
		_, err := w.recordable(ctx, workloads, answer)
		return err
	})
	if err != nil || w.recorded == "" {
		return err
	}
	if w.recorded, err = w.recordable(ctx, workloads, w.recorded); err != nil {
		return err
	}
	return w.record(ctx)
}

// workloads are the Deployments, as namespace/name, that Restage has rights on, that are not part of it or of the cluster, and that
// are not recorded already.
func (w *wizard) workloads(ctx context.Context) ([]string, error) {
	namespaces := w.options.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	var names []string
	for _, namespace := range namespaces {
		list, err := w.kube.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
		if apierrors.IsForbidden(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing Deployments: %w", err)
		}
		for i := range list.Items {
			if d := &list.Items[i]; !w.ours(d) && d.Annotations[v1alpha1.AnnotationCaptureEnabled] != "true" {
				names = append(names, d.Namespace+"/"+d.Name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

func (w *wizard) ours(d *appsv1.Deployment) bool {
	return d.Namespace == w.options.Namespace || strings.HasPrefix(d.Namespace, "kube-") || d.Labels["app.kubernetes.io/part-of"] == "restage"
}

// recordable returns the workload that an answer means.
func (w *wizard) recordable(ctx context.Context, workloads []string, answer string) (string, error) {
	if i, err := strconv.Atoi(answer); err == nil && i >= 1 && i <= min(len(workloads), offered) {
		answer = workloads[i-1]
	}
	if !slices.Contains(workloads, answer) {
		return "", fmt.Errorf("%q: must be a number or a name of the list, or %s", answer, none)
	}
	name, _, _ := strings.Cut(answer, "/")
	namespace, err := w.kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("reading the namespace %s: %w", name, err)
	}
	if level := namespace.Labels[podSecurity]; level == "baseline" || level == "restricted" {
		return "", fmt.Errorf("%q: its namespace allows pods of the level %s alone, and the proxy's init container needs NET_ADMIN: choose another", answer, level)
	}
	return answer, nil
}

// record sets the annotation and waits until the workload is recorded.
func (w *wizard) record(ctx context.Context) error {
	namespace, name, _ := strings.Cut(w.recorded, "/")
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{v1alpha1.AnnotationCaptureEnabled: "true"}}})
	if err != nil {
		return err
	}
	_, err = w.kube.AppsV1().Deployments(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: apply.FieldManager})
	if err != nil {
		return fmt.Errorf("annotating Deployment %s: %w", w.recorded, err)
	}
	client, err := w.cluster.Restage()
	if err != nil {
		return err
	}
	return w.waitFor(ctx, capture{client, namespace, name}, w.client.Deployment(namespace, name))
}

// capture is ready when its workload is recorded.
type capture struct {
	client          versioned.Interface
	namespace, name string
}

func (c capture) Name() string { return "TrafficCapture " + c.name }

func (c capture) Check(ctx context.Context) (bool, string, error) {
	found, err := c.client.ReplayV1alpha1().TrafficCaptures(c.namespace).Get(ctx, c.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, "it has not been made yet", nil
	}
	if err != nil {
		return false, "", err
	}
	ready := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return false, "the controller has not seen it yet", nil
	}
	return ready.Status == metav1.ConditionTrue, ready.Message, nil
}
