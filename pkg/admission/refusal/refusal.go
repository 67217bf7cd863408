// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package refusal words why an admission plugin forbids a request.
package refusal

import (
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/admission"
)

// Cause is one reason, and the field that it lies in.
type Cause struct {
	Path *field.Path
	Text string
}

// Forbidden is an error of status 403 that names all causes: in its message for people, and in its details for programs.
func Forbidden(a admission.Attributes, causes []Cause) error {
	texts := make([]string, len(causes))
	details := make([]metav1.StatusCause, len(causes))
	for i, c := range causes {
		texts[i] = c.Path.String() + ": " + c.Text
		details[i] = metav1.StatusCause{Type: metav1.CauseTypeForbidden, Field: c.Path.String(), Message: c.Text}
	}
	err := admission.NewForbidden(a, errors.New(strings.Join(texts, "; ")))
	if status := new(apierrors.StatusError); errors.As(err, &status) {
		status.ErrStatus.Details.Causes = details
	}
	return err
}
