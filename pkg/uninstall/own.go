// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

const (
	pollInterval  = time.Second
	answerTimeout = 10 * time.Second
)

// ownKinds are our kinds, in the order in which they are deleted.
var ownKinds = []kind{
	of("TrafficReplay", v1alpha1.GroupName, "v1alpha1", "trafficreplays"),
	of("Environment", v1alpha1.GroupName, "v1alpha1", "environments"),
	of("TrafficSnapshot", v1alpha1.GroupName, "v1alpha1", "trafficsnapshots"),
	of("ReplayProfile", v1alpha1.GroupName, "v1alpha1", "replayprofiles"),
	of("EnvironmentClass", v1alpha1.GroupName, "v1alpha1", "environmentclasses"),
	of("TrafficCapture", v1alpha1.GroupName, "v1alpha1", "trafficcaptures"),
}

var captures = ownKinds[len(ownKinds)-1]

// served tells whether our API answers. Behind a registration without a server the cluster may wait for long.
func (c *Clients) served(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := c.Own.ReplayV1alpha1().EnvironmentClasses().List(ctx, metav1.ListOptions{Limit: 1})
	return err == nil
}

// objects of our own kinds, without captures unless asked for: as long as the controller runs it makes a capture again for
// each annotation.
func (c *Clients) objects(ctx context.Context, withCaptures bool) ([]found, error) {
	var all []found
	for _, k := range ownKinds {
		if k == captures && !withCaptures {
			continue
		}
		list, err := c.Metadata.Resource(k.resource).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", k.resource.Resource, err)
		}
		for _, object := range list.Items {
			all = append(all, found{k, object})
		}
	}
	return all, nil
}

// deleteObjects deletes all objects of our kinds but captures, and waits until the controller has let go of them: replays are
// restored, and traffic and reports deleted from storage.
func (c *Clients) deleteObjects(ctx context.Context, told func(Object)) error {
	all, err := c.objects(ctx, false)
	if err != nil {
		return err
	}
	for _, f := range all {
		err := c.Metadata.Resource(f.resource).Namespace(f.meta.Namespace).Delete(ctx, f.meta.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("deleting %s: %w", f.object(""), err)
		}
		told(f.object(""))
	}
	var left []found
	err = wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		left, err = c.objects(ctx, false)
		return len(left) == 0, err
	})
	if err != nil && len(left) > 0 {
		return fmt.Errorf("%s is still held by %v: %w", left[0].object(""), left[0].meta.Finalizers, err)
	}
	return err
}

// endReplays cancels the replays that are under way and waits until what they made is gone.
func (c *Clients) endReplays(ctx context.Context, told func(Object)) error {
	group := c.Own.ReplayV1alpha1()
	running := func(replay v1alpha1.TrafficReplay) bool {
		conditions := replay.Status.Conditions
		if meta.IsStatusConditionTrue(conditions, v1alpha1.ReplayRestored) {
			return false
		}
		return !meta.IsStatusConditionTrue(conditions, v1alpha1.ReplayComplete) || replay.Spec.Cleanup != v1alpha1.CleanupKeep
	}
	cancelled := map[types.UID]bool{}
	return wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		replays, err := group.TrafficReplays(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, fmt.Errorf("reading replays: %w", err)
		}
		for _, replay := range replays.Items {
			if !running(replay) || cancelled[replay.UID] || meta.IsStatusConditionTrue(replay.Status.Conditions, v1alpha1.ReplayComplete) {
				continue
			}
			err := group.RESTClient().Post().Namespace(replay.Namespace).Resource("trafficreplays").Name(replay.Name).SubResource("cancel").
				Body([]byte(`{"reason": "Restage is being uninstalled"}`)).SetHeader("Content-Type", "application/json").Do(ctx).Error()
			if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				return false, fmt.Errorf("cancelling TrafficReplay %s/%s: %w", replay.Namespace, replay.Name, err)
			}
			cancelled[replay.UID] = true
			told(Object{Kind: "TrafficReplay", Namespace: replay.Namespace, Name: replay.Name, Reason: "cancelled"})
		}
		return !slices.ContainsFunc(replays.Items, running), nil
	})
}

// releaseObjects takes our finalizers off all objects of our kinds, and deletes them unless their data is to be kept.
func (c *Clients) releaseObjects(ctx context.Context, keep bool) error {
	all, err := c.objects(ctx, true)
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range all {
		if patch := withoutOurFinalizers(&f.meta); keep && patch != nil {
			_, err := c.Metadata.Resource(f.resource).Namespace(f.meta.Namespace).Patch(ctx, f.meta.Name, types.MergePatchType, patch, metav1.PatchOptions{})
			errs = append(errs, err)
		} else if !keep {
			errs = append(errs, remove(ctx, c.Metadata, f))
		}
	}
	return errors.Join(errs...)
}
