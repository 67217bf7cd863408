// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/follow"
	"github.com/restage-dev/restage/pkg/cli/progress"
	typed "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
)

// await waits until a snapshot is ready, or says that it never will be.
func await(ctx context.Context, client typed.TrafficSnapshotInterface, snapshot *v1alpha1.TrafficSnapshot, timeout time.Duration, out io.Writer) (*v1alpha1.TrafficSnapshot, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTooLong)
	defer cancel()
	display := progress.New(out)
	defer display.Close()
	last := "the operator has not taken it up"
	var ready *v1alpha1.TrafficSnapshot
	err := follow.Until(ctx, client, follow.Options[*v1alpha1.TrafficSnapshot]{
		Name: snapshot.Name, UID: snapshot.UID,
		Seen: func(now *v1alpha1.TrafficSnapshot) (bool, error) {
			condition := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady)
			switch {
			case condition == nil:
				display.Step("waiting for the snapshot to be cut")
				return false, nil
			case condition.Status == metav1.ConditionTrue:
				ready = now
				return true, nil
			}
			last = condition.Reason + ": " + condition.Message
			display.Step(condition.Message)
			return false, nil
		},
		Gone: func() error { return fmt.Errorf("%s was deleted before it was ready", nameOf(snapshot)) },
		Lost: func(err error) { display.Step("the API does not answer, trying again: " + err.Error()) },
	})
	if errors.Is(err, errTooLong) {
		return nil, fmt.Errorf("%s is not ready within %s: %s", nameOf(snapshot), timeout, last)
	}
	return ready, err
}

var errTooLong = errors.New("waited for too long")

// describe says in a line what a snapshot holds.
func describe(snapshot *v1alpha1.TrafficSnapshot) string {
	text := fmt.Sprintf("%s is ready: %d requests, %d calls of dependencies", nameOf(snapshot), snapshot.Status.Inbound, snapshot.Status.Outbound)
	if c := snapshot.Status.Completeness; c != nil && c.Percent != "" {
		text += fmt.Sprintf(", %s%% complete", c.Percent)
	}
	return text
}
