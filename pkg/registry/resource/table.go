// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package resource

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metatable "k8s.io/apimachinery/pkg/api/meta/table"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// None stands in a cell whose value is not there yet.
const None = "<none>"

var (
	nameColumn = metav1.TableColumnDefinition{Name: "Name", Type: "string", Format: "name", Description: "Name of the object."}
	ageColumn  = metav1.TableColumnDefinition{Name: "Age", Type: "date", Description: "Time since the object was created."}
)

// tableConvertor prints name, the columns of the kind and age; wide columns come last.
type tableConvertor[T Object] struct {
	kind *Kind[T]
}

func (c tableConvertor[T]) ConvertToTable(_ context.Context, object, options runtime.Object) (*metav1.Table, error) {
	table := &metav1.Table{}
	if list, err := meta.ListAccessor(object); err == nil {
		table.ResourceVersion = list.GetResourceVersion()
		table.Continue = list.GetContinue()
		table.RemainingItemCount = list.GetRemainingItemCount()
	} else if single, err := meta.CommonAccessor(object); err == nil {
		table.ResourceVersion = single.GetResourceVersion()
	}
	wide := slices.IndexFunc(c.kind.Columns, func(d metav1.TableColumnDefinition) bool { return d.Priority > 0 })
	if wide < 0 {
		wide = len(c.kind.Columns)
	}
	if o, ok := options.(*metav1.TableOptions); !ok || !o.NoHeaders {
		table.ColumnDefinitions = slices.Concat([]metav1.TableColumnDefinition{nameColumn}, c.kind.Columns[:wide],
			[]metav1.TableColumnDefinition{ageColumn}, c.kind.Columns[wide:])
	}
	var err error
	table.Rows, err = metatable.MetaToTableRow(object, func(obj runtime.Object, _ metav1.Object, name, age string) ([]any, error) {
		item, ok := obj.(T)
		if !ok {
			return nil, fmt.Errorf("printing %s: unexpected %T", c.kind.Plural, obj)
		}
		cells := c.kind.Cells(item)
		return slices.Concat([]any{name}, cells[:wide], []any{age}, cells[wide:]), nil
	})
	return table, err
}

// ConditionStatus is the cell of a condition: True, False, Unknown, or None when it is not there.
func ConditionStatus(conditions []metav1.Condition, conditionType string) string {
	if condition := meta.FindStatusCondition(conditions, conditionType); condition != nil {
		return string(condition.Status)
	}
	return None
}

// ConditionReason is the cell of a condition's reason, or None when the condition is not there.
func ConditionReason(conditions []metav1.Condition, conditionType string) string {
	if condition := meta.FindStatusCondition(conditions, conditionType); condition != nil {
		return condition.Reason
	}
	return None
}

// Or returns None in place of an empty text.
func Or(text string) string {
	if text == "" {
		return None
	}
	return text
}

// Percent is the cell of a share of 100 that is stored as text without the sign.
func Percent(text string) string {
	if text == "" {
		return None
	}
	return text + "%"
}
