// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wizard

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apply"
	"github.com/restage-dev/restage/pkg/install"
)

// restartedAt is what kubectl rollout restart sets on a pod template.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// byWebhook tells whether pods get the proxy as they are made, when they are opted in, from the moment on when a capture is there.
func (w *wizard) byWebhook() bool { return w.options.Complete().Injection == install.InjectionWebhook }

// optIn has the pods of the namespace of the workload get a proxy as they are made, where a capture records them.
func (w *wizard) optIn(ctx context.Context) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]string{v1alpha1.LabelInject: v1alpha1.InjectEnabled}}})
	if err != nil {
		return err
	}
	name := w.recorded.GetNamespace()
	if _, err := w.kube.CoreV1().Namespaces().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: apply.FieldManager}); err != nil {
		return fmt.Errorf("labelling the namespace %s: %w", name, err)
	}
	return nil
}

// replacePods has the workload make its pods anew, once they will get the proxy. One that does not make them by itself is left to do so.
func (w *wizard) replacePods(ctx context.Context, recording capture) error {
	if w.recorded.RestartCommand() == "" {
		return nil
	}
	if err := w.waitFor(ctx, replaceable{recording}); err != nil {
		return err
	}
	return w.change(ctx, "restarting", w.recorded.Within(annotated(restartedAt, time.Now().Format(time.RFC3339))))
}

// replaceable is a capture that waits for nothing but new pods.
type replaceable struct{ capture }

func (r replaceable) Name() string { return r.capture.Name() + ", before pods are replaced" }

func (r replaceable) Check(ctx context.Context) (bool, string, error) {
	ready, missing, err := r.condition(ctx)
	if ready == nil {
		return false, missing, err
	}
	return ready.Status == metav1.ConditionTrue || ready.Reason == "RestartNeeded" || ready.Reason == "NoPods", ready.Message, nil
}
