// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficreplay

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/validation"
)

// CancelREST serves trafficreplays/cancel: it notes in the status that the replay is to end, and the controller ends it.
type CancelREST struct {
	status rest.Updater
}

// NewCancelREST returns the subresource of the replays whose status the updater writes.
func NewCancelREST(status rest.Updater) *CancelREST {
	return &CancelREST{status: status}
}

// New returns the body of a request.
func (*CancelREST) New() runtime.Object { return &replay.ReplayCancellation{} }

// Destroy does nothing: the store belongs to the replays.
func (*CancelREST) Destroy() {}

// Create cancels the replay of that name. Cancelling it again changes nothing; one that has ended is a conflict.
func (r *CancelREST) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	cancellation := obj.(*replay.ReplayCancellation)
	if cancellation.Name != "" && cancellation.Name != name {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("metadata.name: %q is not the name of the replay, %q", cancellation.Name, name))
	}
	cancellation.Name, cancellation.Namespace = name, genericapirequest.NamespaceValue(ctx)
	cancellation.ManagedFields = nil // nobody owns what is kept nowhere
	if errs := validation.ValidateReplayCancellation(cancellation); len(errs) > 0 {
		return nil, apierrors.NewInvalid(replay.Kind("ReplayCancellation"), name, errs)
	}
	if validate != nil {
		if err := validate(ctx, cancellation.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	request := rest.DefaultUpdatedObjectInfo(nil, func(ctx context.Context, _, old runtime.Object) (runtime.Object, error) {
		return requestCancel(ctx, old.(*replay.TrafficReplay), cancellation.Reason)
	})
	_, _, err := r.status.Update(ctx, name, request, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false,
		&metav1.UpdateOptions{DryRun: options.DryRun})
	if err != nil {
		return nil, err
	}
	return cancellation, nil
}

// requestCancel returns the replay with the condition that asks for its end.
func requestCancel(ctx context.Context, old *replay.TrafficReplay, reason string) (runtime.Object, error) {
	if complete := meta.FindStatusCondition(old.Status.Conditions, replay.ReplayComplete); complete != nil && complete.Status == metav1.ConditionTrue {
		return nil, apierrors.NewConflict(replay.Resource("trafficreplays/cancel"), old.Name,
			fmt.Errorf("the replay has ended already: %s: %s", complete.Reason, complete.Message))
	}
	updated := old.DeepCopy()
	if meta.IsStatusConditionTrue(old.Status.Conditions, replay.ReplayCancelRequested) {
		return updated, nil
	}
	message := "somebody asked for the end of the replay"
	if user, ok := genericapirequest.UserFrom(ctx); ok && user.GetName() != "" {
		message = user.GetName() + " asked for the end of the replay"
	}
	if reason != "" {
		message += ": " + reason
	}
	meta.SetStatusCondition(&updated.Status.Conditions, metav1.Condition{
		Type: replay.ReplayCancelRequested, Status: metav1.ConditionTrue, Reason: replay.ReasonCancelRequested,
		Message: message, ObservedGeneration: old.Generation,
	})
	return updated, nil
}
