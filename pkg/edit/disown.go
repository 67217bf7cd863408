// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package edit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/workload"
)

// attempts to give up what must not be ours, while others write to the workload as well.
const attempts = 10

// IsManaged tells whether we have written anything into a workload as this field manager, and it is still there.
func IsManaged(w metav1.Object, manager string) bool {
	return slices.ContainsFunc(w.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool { return entry.Manager == manager })
}

// IsShared tells whether another field manager has an item of a list of the pod spec as well, by its name.
func IsShared(w *workload.Workload, manager, list, name string) bool {
	path := fieldpath.Path{}
	for _, field := range slices.Concat(w.Path, []string{"spec", list}) {
		path = append(path, fieldpath.PathElement{FieldName: &field})
	}
	path = append(path, fieldpath.PathElement{Key: &value.FieldList{{Name: "name", Value: value.NewValueInterface(name)}}})
	return slices.ContainsFunc(w.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		fields := &fieldpath.Set{}
		return entry.Manager != manager && entry.FieldsV1 != nil && fields.FromJSON(entry.FieldsV1.GetRawReader()) == nil && fields.Has(path)
	})
}

// Settle gives up what a process that has ended since has left as ours inside of what is not. The workload may be one of a cache.
func Settle(ctx context.Context, c workload.Client, w *workload.Workload, manager string) error {
	if operations, err := disowning(w.GetManagedFields(), manager, isOwn); err != nil || len(operations) == 0 {
		return err
	}
	live, err := c.Get(ctx, w.GetNamespace(), w.Reference())
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", w, err)
	}
	return disown(ctx, c, live, manager, isOwn)
}

// Abandon gives up all that the field manager has in a workload, for when it belongs to somebody else now.
func Abandon(ctx context.Context, c workload.Client, w *workload.Workload, manager string) error {
	return disown(ctx, c, w, manager, func(fieldpath.Path) bool { return false })
}

// disown gives up all but what is ours. Each operation is made only where the entry is as it was read; the rest of the workload may
// change meanwhile, as that of one whose template was just written does.
func disown(ctx context.Context, c workload.Client, w *workload.Workload, manager string, ours func(fieldpath.Path) bool) error {
	for attempt := 1; ; attempt++ {
		operations, err := disowning(w.GetManagedFields(), manager, ours)
		if err != nil || len(operations) == 0 {
			return err
		}
		data, err := json.Marshal(append([]operation{{Op: "test", Path: "/metadata/uid", Value: w.GetUID()}}, operations...))
		if err != nil {
			return fmt.Errorf("writing whose the fields of %s are: %w", w, err)
		}
		_, err = c.Patch(ctx, w, types.JSONPatchType, data, metav1.PatchOptions{FieldManager: manager})
		if err == nil || apierrors.IsNotFound(err) {
			return nil
		}
		if !isRefusedTest(err) || attempt == attempts {
			return fmt.Errorf("giving up fields of %s that its owner decides on: %w", w, err)
		}
		if w, err = c.Get(ctx, w.GetNamespace(), w.Reference()); apierrors.IsNotFound(err) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading %s: %w", w, err)
		}
	}
}

// disowning are the operations that leave the field manager with what is ours; from the last entry to the first, since those after
// one that goes move up.
func disowning(entries []metav1.ManagedFieldsEntry, manager string, ours func(fieldpath.Path) bool) (operations []operation, err error) {
	for i, entry := range slices.Backward(entries) {
		if entry.Manager != manager || entry.FieldsV1 == nil {
			continue
		}
		kept, changed, err := ownFields(entry.FieldsV1, ours)
		if err != nil {
			return nil, fmt.Errorf("reading which fields are those of %s: %w", manager, err)
		}
		if !changed {
			continue
		}
		place := fmt.Sprintf("/metadata/managedFields/%d", i)
		operations = append(operations, operation{Op: "test", Path: place + "/manager", Value: manager},
			operation{Op: "test", Path: place + "/fieldsV1", Value: entry.FieldsV1})
		if kept == nil {
			operations = append(operations, operation{Op: "remove", Path: place})
		} else {
			operations = append(operations, operation{Op: "replace", Path: place + "/fieldsV1", Value: kept})
		}
	}
	return operations, nil
}

// ownFields returns those of some fields that are ours, nil for none, and whether there are others.
func ownFields(fields *metav1.FieldsV1, ours func(fieldpath.Path) bool) (kept *metav1.FieldsV1, changed bool, err error) {
	all, own := &fieldpath.Set{}, &fieldpath.Set{}
	if err := all.FromJSON(fields.GetRawReader()); err != nil {
		return nil, false, err
	}
	all.Iterate(func(path fieldpath.Path) {
		if ours(path) {
			own.Insert(path.Copy())
		}
	})
	if all.Equals(own) || own.Empty() {
		return nil, !all.Equals(own), nil
	}
	data, err := own.ToJSON()
	if err != nil {
		return nil, false, err
	}
	return metav1.NewFieldsV1(string(bytes.TrimSpace(data))), true, nil
}

// isOwn tells whether a field is in something that is ours as a whole: a container or a volume with one of our names, an annotation or a label
// with our domain, a pull secret, which is nothing but its name.
func isOwn(path fieldpath.Path) bool {
	for i, part := range path {
		switch {
		case part.FieldName != nil && strings.Contains(*part.FieldName, "restage.dev/"):
			return true
		case part.Key == nil || i == 0 || path[i-1].FieldName == nil:
		case *path[i-1].FieldName == "imagePullSecrets":
			return true
		default:
			for _, field := range *part.Key {
				if field.Name == "name" && injection.IsReserved(*path[i-1].FieldName, field.Value.AsString()) {
					return true
				}
			}
		}
	}
	return false
}
