// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// AnnotationPullSecrets on a pod template names the entries of imagePullSecrets that a patch added, comma separated, so that they can be
// taken out again and the template's own stay.
const AnnotationPullSecrets = "replay.restage.dev/added-image-pull-secrets"

// PullSecrets returns the names that a template needs among its imagePullSecrets besides its own, so that the images of Restage can be
// pulled with ours. Without ours it needs none.
//
// Kubernetes gives a pod those of its service account only when it has none itself. So a template without any of its own
// needs those of the account as well, or its own images could no longer be pulled.
func PullSecrets(template corev1.PodTemplateSpec, account []corev1.LocalObjectReference, ours []string) []string {
	if len(ours) == 0 {
		return nil
	}
	added := AddedPullSecrets(template)
	var own, needed []string
	for _, secret := range template.Spec.ImagePullSecrets {
		if !slices.Contains(added, secret.Name) {
			own = append(own, secret.Name)
		}
	}
	wanted := ours
	if len(own) == 0 {
		wanted = slices.Concat(secretNames(account), ours)
	}
	for _, name := range wanted {
		if !slices.Contains(own, name) && !slices.Contains(needed, name) {
			needed = append(needed, name)
		}
	}
	return needed
}

// AddedPullSecrets returns the names among the imagePullSecrets of a template that a patch added.
func AddedPullSecrets(template corev1.PodTemplateSpec) []string {
	if names := template.Annotations[AnnotationPullSecrets]; names != "" {
		return strings.Split(names, ",")
	}
	return nil
}

// AccountOf returns the name of the service account that the pods of a template run as.
func AccountOf(spec corev1.PodSpec) string {
	if spec.ServiceAccountName != "" {
		return spec.ServiceAccountName
	}
	return "default"
}

// References writes names as a pod or a service account refers to them; nil for none.
func References(names []string) (references []corev1.LocalObjectReference) {
	for _, name := range names {
		references = append(references, corev1.LocalObjectReference{Name: name})
	}
	return references
}

func secretNames(references []corev1.LocalObjectReference) (names []string) {
	for _, reference := range references {
		names = append(names, reference.Name)
	}
	return names
}
