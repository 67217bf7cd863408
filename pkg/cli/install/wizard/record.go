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

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apply"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/pkg/workload"
)

// offered is how many workloads are listed. Others can be named.
const offered = 20

// offerRecording has a first workload recorded, if that is wanted.
func (w *wizard) offerRecording(ctx context.Context) error {
	if w.options.Complete().Injection != install.InjectionWorkload && !w.byWebhook() {
		return nil // templates are injected where they are kept, or pods some seconds after the policy has been told
	}
	workloads, err := w.workloads(ctx)
	if err != nil {
		return err
	}
	if len(workloads) == 0 {
		return nil
	}
	what := "Recording one adds a proxy to its pods, which are rolled once, as by any change of the template. Without the annotation the proxy goes again."
	if w.byWebhook() {
		what = "Recording one opts the pods of its namespace in, by a label, and restarts the workload: pods get the proxy as they are made. Without the annotation new ones come without."
	}
	w.heading("First workload", what)
	for i, offer := range workloads[:min(len(workloads), offered)] {
		w.say(2, "", fmt.Sprintf("%2d  %s", i+1, offer.name))
	}
	if more := len(workloads) - offered; more > 0 {
		w.say(2, faint, fmt.Sprintf("    and %d more: write NAMESPACE/NAME, or NAMESPACE/KIND/NAME of what is no Deployment", more))
	}
	_, err = w.text(ctx, "Record, by number or name", "", func(answer string) error {
		w.recorded = nil
		if answer == "" {
			return nil
		}
		w.recorded, err = w.recordable(ctx, workloads, answer)
		return err
	})
	if err != nil || w.recorded == nil {
		return err
	}
	return w.record(ctx)
}

// offer is a workload by the name that it is chosen with.
type offer struct {
	name string
	*workload.Workload
}

func offerOf(found *workload.Workload) offer {
	name := found.GetNamespace() + "/"
	if found.Kind.Kind != v1alpha1.DefaultWorkloadKind {
		name += strings.ToLower(found.Kind.Kind) + "/"
	}
	return offer{name + found.GetName(), found}
}

// workloads are those of the kinds whose annotations are followed, that Restage has rights on, that are not part of it or of the cluster,
// and that are not recorded already.
func (w *wizard) workloads(ctx context.Context) ([]offer, error) {
	namespaces := w.options.Namespaces
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	var offers []offer
	for _, namespace := range namespaces {
		for _, resource := range workload.Watched() {
			list, err := workload.Client{Kube: w.kube}.List(ctx, namespace, resource)
			if apierrors.IsForbidden(err) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("listing %s: %w", resource.Resource, err)
			}
			for _, found := range list {
				if !w.ours(found) && found.GetAnnotations()[v1alpha1.AnnotationCaptureEnabled] != "true" {
					offers = append(offers, offerOf(found))
				}
			}
		}
	}
	slices.SortFunc(offers, func(a, b offer) int { return strings.Compare(a.name, b.name) })
	return offers, nil
}

func (w *wizard) ours(found metav1.Object) bool {
	return found.GetNamespace() == w.options.Namespace || strings.HasPrefix(found.GetNamespace(), "kube-") ||
		found.GetLabels()[v1alpha1.LabelPartOf] == v1alpha1.PartOf
}

// recordable returns the workload that an answer means.
func (w *wizard) recordable(ctx context.Context, workloads []offer, answer string) (*workload.Workload, error) {
	chosen := slices.IndexFunc(workloads, func(o offer) bool { return o.name == answer })
	if i, err := strconv.Atoi(answer); err == nil && i >= 1 && i <= min(len(workloads), offered) {
		chosen = i - 1
	}
	if chosen < 0 {
		return nil, fmt.Errorf("%q: must be a number or a name of the list, or %s", answer, none)
	}
	found := workloads[chosen].Workload
	namespace, err := w.kube.CoreV1().Namespaces().Get(ctx, found.GetNamespace(), metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the namespace %s: %w", found.GetNamespace(), err)
	}
	if level := injection.RefusingLevel(namespace.Labels); level != "" {
		return nil, fmt.Errorf("%q: its namespace allows pods of the level %s alone, and the proxy's init container needs NET_ADMIN: choose another", answer, level)
	}
	return found, nil
}

// record sets the annotation and waits until the workload is recorded.
func (w *wizard) record(ctx context.Context) error {
	if w.byWebhook() {
		if err := w.optIn(ctx); err != nil {
			return err
		}
	}
	if err := w.change(ctx, "annotating", annotated(v1alpha1.AnnotationCaptureEnabled, "true")); err != nil {
		return err
	}
	client, err := w.cluster.Restage()
	if err != nil {
		return err
	}
	namespace, name := w.recorded.GetNamespace(), w.recorded.GetName()
	recording := capture{client, namespace, name}
	if w.byWebhook() {
		if err := w.replacePods(ctx, recording); err != nil {
			return err
		}
	}
	conditions := []apply.Condition{recording}
	if w.recorded.Kind.Kind == v1alpha1.DefaultWorkloadKind {
		conditions = append(conditions, w.client.Deployment(namespace, name))
	}
	return w.waitFor(ctx, conditions...)
}

// change merges something into the workload that is to be recorded; doing says what for.
func (w *wizard) change(ctx context.Context, doing string, merged map[string]any) error {
	patch, err := json.Marshal(merged)
	if err != nil {
		return err
	}
	_, err = workload.Client{Kube: w.kube}.Patch(ctx, w.recorded, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: apply.FieldManager})
	if err != nil {
		return fmt.Errorf("%s %s of namespace %s: %w", doing, w.recorded, w.recorded.GetNamespace(), err)
	}
	return nil
}

// annotated is an object, or a pod template, with an annotation.
func annotated(name, value string) map[string]any {
	return map[string]any{"metadata": map[string]any{"annotations": map[string]string{name: value}}}
}

// capture is ready when its workload is recorded.
type capture struct {
	client          versioned.Interface
	namespace, name string
}

func (c capture) Name() string { return "TrafficCapture " + c.name }

func (c capture) Check(ctx context.Context) (bool, string, error) {
	ready, missing, err := c.condition(ctx)
	if ready == nil {
		return false, missing, err
	}
	return ready.Status == metav1.ConditionTrue, ready.Message, nil
}

// condition is the capture's Ready; without one it says what is missing.
func (c capture) condition(ctx context.Context) (ready *metav1.Condition, missing string, err error) {
	found, err := c.client.ReplayV1alpha1().TrafficCaptures(c.namespace).Get(ctx, c.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, "it has not been made yet", nil
	}
	if err != nil {
		return nil, "", err
	}
	return meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady), "the controller has not seen it yet", nil
}
