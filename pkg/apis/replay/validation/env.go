// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateEnv(env []corev1.EnvVar, path *field.Path) (errs field.ErrorList) {
	for i, variable := range env {
		at := path.Index(i)
		if variable.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
			continue
		}
		for _, problem := range validation.IsRelaxedEnvVarName(variable.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), variable.Name, problem))
		}
		errs = append(errs, validateEnvSource(variable, at.Child("valueFrom"))...)
	}
	return errs
}

// validateEnvSource checks that a source has one form; kube-apiserver checks the rest when the copy is made.
func validateEnvSource(variable corev1.EnvVar, path *field.Path) field.ErrorList {
	source := variable.ValueFrom
	if source == nil {
		return nil
	}
	forms := 0
	for _, given := range []bool{
		source.FieldRef != nil, source.ResourceFieldRef != nil, source.ConfigMapKeyRef != nil,
		source.SecretKeyRef != nil, source.FileKeyRef != nil,
	} {
		if given {
			forms++
		}
	}
	switch {
	case variable.Value != "":
		return field.ErrorList{field.Forbidden(path, "may not be given together with value")}
	case forms != 1:
		return field.ErrorList{field.Invalid(path, field.OmitValueType{}, "must have exactly one of fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef and fileKeyRef")}
	}
	return nil
}
