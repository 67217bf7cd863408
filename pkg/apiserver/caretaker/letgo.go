// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package caretaker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// noController is the message of replays that ended because their controller went.
const noController = "the controller of Restage was uninstalled during the replay"

// letGo ends the replays that are under way and takes our finalizers off all objects, so that these can be changed and deleted as any
// other. A controller that comes back puts them on again. What was done in the cluster is undone by the controller when it goes, and
// belongs to the objects: it goes with them. letGo goes on after an error and returns all of them.
func (c *Caretaker) letGo(ctx context.Context) error {
	all := metav1.ListOptions{ResourceVersion: "0"} // from the cache: a conflict is tried again
	group := c.Own.ReplayV1alpha1()
	var errs []error
	replays, err := group.TrafficReplays(metav1.NamespaceAll).List(ctx, all)
	if err != nil {
		return fmt.Errorf("reading replays: %w", err)
	}
	for i := range replays.Items {
		replay := &replays.Items[i]
		if end(replay, c.Clock.Now()) {
			_, err := group.TrafficReplays(replay.Namespace).UpdateStatus(ctx, replay, metav1.UpdateOptions{})
			errs = append(errs, ignoreNotFound(err))
		}
		errs = append(errs, release(ctx, replay, group.TrafficReplays(replay.Namespace)))
	}
	captures, err := group.TrafficCaptures(metav1.NamespaceAll).List(ctx, all)
	if err != nil {
		return errors.Join(append(errs, fmt.Errorf("reading captures: %w", err))...)
	}
	for i := range captures.Items {
		errs = append(errs, release(ctx, &captures.Items[i], group.TrafficCaptures(captures.Items[i].Namespace)))
	}
	snapshots, err := group.TrafficSnapshots(metav1.NamespaceAll).List(ctx, all)
	if err != nil {
		return errors.Join(append(errs, fmt.Errorf("reading snapshots: %w", err))...)
	}
	for i := range snapshots.Items {
		errs = append(errs, release(ctx, &snapshots.Items[i], group.TrafficSnapshots(snapshots.Items[i].Namespace)))
	}
	return errors.Join(errs...)
}

// end writes down that a replay which has not ended never will. It returns false for one that has.
func end(replay *v1alpha1.TrafficReplay, now time.Time) bool {
	if meta.IsStatusConditionTrue(replay.Status.Conditions, v1alpha1.ReplayComplete) {
		return false
	}
	set := func(kind string, status metav1.ConditionStatus) {
		meta.SetStatusCondition(&replay.Status.Conditions, metav1.Condition{
			Type: kind, Status: status, Reason: v1alpha1.ReasonControllerRemoved, Message: noController, ObservedGeneration: replay.Generation,
		})
	}
	replay.Status.CompletionTime = &metav1.Time{Time: now.Truncate(time.Second)}
	set(v1alpha1.ReplayRunning, metav1.ConditionFalse)
	set(v1alpha1.ReplayPassed, metav1.ConditionFalse)
	set(v1alpha1.ReplayComplete, metav1.ConditionTrue)
	return true
}

// patcher is a client of one of our kinds.
type patcher[T any] interface {
	Patch(ctx context.Context, name string, kind types.PatchType, data []byte, opts metav1.PatchOptions, subresources ...string) (T, error)
}

// release takes our finalizers off an object, and leaves those of others on it.
func release[T any](ctx context.Context, object metav1.Object, client patcher[T]) error {
	others := slices.DeleteFunc(slices.Clone(object.GetFinalizers()), func(finalizer string) bool {
		return strings.HasPrefix(finalizer, v1alpha1.GroupName+"/")
	})
	if len(others) == len(object.GetFinalizers()) {
		return nil
	}
	// The list as a whole is replaced, so the object must be the one that was read. Its version is not compared, since its status may
	// just have been written.
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": object.GetUID(), "finalizers": others}})
	if err != nil {
		return err
	}
	_, err = client.Patch(ctx, object.GetName(), types.MergePatchType, patch, metav1.PatchOptions{})
	if err := ignoreNotFound(err); err != nil {
		return fmt.Errorf("letting go of %s/%s: %w", object.GetNamespace(), object.GetName(), err)
	}
	return nil
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
