// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/follow"
	"github.com/restage-dev/restage/pkg/cli/progress"
	typed "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
)

// await waits until a replay has ended, showing on out what it does meanwhile, and returns it.
func await(ctx context.Context, client typed.TrafficReplayInterface, replay *v1alpha1.TrafficReplay, out io.Writer) (*v1alpha1.TrafficReplay, error) {
	shown := &display{Display: progress.New(out)}
	defer shown.Close()
	var ended *v1alpha1.TrafficReplay
	err := follow.Until(ctx, client, follow.Options[*v1alpha1.TrafficReplay]{
		Name: replay.Name, UID: replay.UID,
		Seen: func(now *v1alpha1.TrafficReplay) (bool, error) {
			if !meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ReplayComplete) {
				shown.show(now)
				return false, nil
			}
			ended = now
			return true, nil
		},
		Gone: func() error { return fmt.Errorf("%s was deleted before it ended", nameOf(replay)) },
		Lost: func(err error) { shown.Step("the API does not answer, trying again: " + err.Error()) },
	})
	return ended, err
}

// display shows the state of a replay.
type display struct {
	progress.Display
	environment bool // is up
	cancelled   bool
}

func (d *display) show(replay *v1alpha1.TrafficReplay) {
	conditions := replay.Status.Conditions
	if request := meta.FindStatusCondition(conditions, v1alpha1.ReplayCancelRequested); request != nil && !d.cancelled {
		d.cancelled = true
		d.Say(request.Message)
	}
	environment := meta.FindStatusCondition(conditions, v1alpha1.ReplayEnvironmentReady)
	running := meta.FindStatusCondition(conditions, v1alpha1.ReplayRunning)
	if up := environment != nil && environment.Status == metav1.ConditionTrue; up != d.environment {
		d.environment = up
		d.Say("environment: " + environment.Message)
	}
	switch {
	case running != nil && running.Status == metav1.ConditionTrue && replay.Status.Progress != nil && replay.Spec.Mode != v1alpha1.ModeMocksOnly:
		p := replay.Status.Progress
		detail := fmt.Sprintf("%d requests/s", p.Rate)
		if p.Errors > 0 {
			detail += fmt.Sprintf(", %d without a response", p.Errors)
		}
		d.Count(p.Sent, p.Total, detail)
	case running != nil && running.Message != "":
		d.Step(running.Message)
	case environment != nil && environment.Status != metav1.ConditionTrue:
		d.Step("environment: " + environment.Message)
	case replay.Status.StartTime == nil:
		d.Step("waiting for the operator to take up the replay")
	}
}
