// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package resource

import (
	"context"

	"k8s.io/apimachinery/pkg/api/operation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// ValidateDeclaratively adds what the tags of the versioned type say to what the hand-written rules found.
func (s strategy[T]) ValidateDeclaratively(ctx context.Context, obj, old runtime.Object, errs field.ErrorList, op operation.Type,
	config rest.DeclarativeValidationConfig,
) field.ErrorList {
	return s.DeclarativeValidation.ValidateDeclaratively(s.writing(ctx, ""), obj, old, errs, op, config)
}

func (s statusStrategy[T]) ValidateDeclaratively(ctx context.Context, obj, old runtime.Object, errs field.ErrorList, op operation.Type,
	config rest.DeclarativeValidationConfig,
) field.ErrorList {
	return s.DeclarativeValidation.ValidateDeclaratively(s.writing(ctx, "status"), obj, old, errs, op, config)
}

// writing says to the generated code which part of an object is written. The request does not: a subresource such as an
// upload writes a status too, and the generated code refuses subresources that it was not told of.
func (s strategy[T]) writing(ctx context.Context, subresource string) context.Context {
	info := &request.RequestInfo{IsResourceRequest: true, Resource: s.kind.Plural}
	if given, ok := request.RequestInfoFrom(ctx); ok {
		*info = *given
	}
	if info.APIGroup != replay.GroupName {
		info.APIGroup, info.APIVersion = replay.GroupName, s.PrioritizedVersionsForGroup(replay.GroupName)[0].Version
	}
	info.Subresource = subresource
	return request.WithRequestInfo(ctx, info)
}

// inEveryVersion says that server-side apply is to reset the fields whichever version it is called in.
func (s strategy[T]) inEveryVersion(fields *fieldpath.Set) map[fieldpath.APIVersion]*fieldpath.Set {
	sets := map[fieldpath.APIVersion]*fieldpath.Set{}
	for _, version := range s.PrioritizedVersionsForGroup(replay.GroupName) {
		sets[fieldpath.APIVersion(version.String())] = fields
	}
	return sets
}
