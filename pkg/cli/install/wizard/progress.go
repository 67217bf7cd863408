// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wizard

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/restage-dev/restage/pkg/apply"
	"github.com/restage-dev/restage/pkg/installation"
)

// readyTimeout is how long is waited before it is asked whether to go on.
const readyTimeout = 5 * time.Minute

// apply applies what has been agreed to.
func (w *wizard) apply(ctx context.Context) error {
	w.heading("Applying", "")
	w.applying = true
	return w.client.Apply(ctx, w.objects, func(object *unstructured.Unstructured, outcome apply.Outcome) {
		w.say(2, "", w.style(green, "✓")+" "+apply.Name(object)+" "+string(outcome))
	})
}

// await waits until all is ready. When that takes long it says why, and asks whether to go on waiting.
func (w *wizard) await(ctx context.Context) error {
	w.heading("Waiting until all is ready", "The server starts, the controller registers the API and deploys the forwarder.")
	var conditions []apply.Condition
	for _, object := range w.objects {
		if object.GetKind() == "Deployment" {
			conditions = append(conditions, w.client.Deployment(object.GetNamespace(), object.GetName()))
		}
	}
	conditions = append(conditions,
		w.client.APIService(installation.APIService),
		w.client.Deployment(w.options.Namespace, installation.Forwarder))
	return w.waitFor(ctx, conditions...)
}

func (w *wizard) waitFor(ctx context.Context, conditions ...apply.Condition) error {
	for {
		err := apply.WaitReady(ctx, readyTimeout, apply.NewProgress(w.out), conditions...)
		if !errors.Is(err, apply.ErrNotReady) {
			return err
		}
		w.say(2, red, "✗ "+err.Error())
		w.say(2, "", "kubectl restage check looks for the cause.")
		on, askErr := w.confirm(ctx, "Wait on?", true)
		if askErr != nil {
			return askErr
		}
		if !on {
			return err
		}
	}
}
