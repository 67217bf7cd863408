// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/admission/memo"
)

// refuseClaims refuses volumes that each pod of the live workload has of its own. Claims that the template itself names are refused with
// the rest of it.
func refuseClaims(claims []corev1.PersistentVolumeClaim) error {
	var errs field.ErrorList
	for i, claim := range claims {
		errs = append(errs, field.Forbidden(field.NewPath("spec", "volumeClaimTemplates").Index(i), fmt.Sprintf(
			"the copy would have no volume %q; with volumes: Ephemeral it gets an empty one of the same size", claim.Name)))
	}
	return errs.ToAggregate()
}

// replaceClaims puts empty volumes of the same size in the place of claims: those that the template names, which are read for it, and
// those that are made for each pod.
func (s Source) replaceClaims(ctx context.Context, namespace string, spec *corev1.PodSpec, claims []corev1.PersistentVolumeClaim) error {
	for i := range spec.Volumes {
		volume := &spec.Volumes[i]
		if volume.PersistentVolumeClaim == nil {
			continue
		}
		size, err := s.claimed(ctx, namespace, volume.PersistentVolumeClaim.ClaimName)
		if err != nil {
			return err
		}
		volume.VolumeSource = empty(size)
	}
	for _, claim := range claims {
		// A StatefulSet puts its own claim in the place of a volume of the same name.
		spec.Volumes = slices.DeleteFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == claim.Name })
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: claim.Name, VolumeSource: empty(requested(&claim))})
	}
	return nil
}

// claimed returns the size of a claim, nil when it does not exist.
func (s Source) claimed(ctx context.Context, namespace, name string) (*resource.Quantity, error) {
	claim, err := memo.Read(ctx, "PersistentVolumeClaim/"+namespace+"/"+name, func() (*corev1.PersistentVolumeClaim, error) {
		return s.Client.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the size of PersistentVolumeClaim %s/%s: %w", namespace, name, err)
	}
	return requested(claim), nil
}

func requested(claim *corev1.PersistentVolumeClaim) *resource.Quantity {
	if size, ok := claim.Spec.Resources.Requests[corev1.ResourceStorage]; ok {
		return &size
	}
	return nil
}

func empty(size *resource.Quantity) corev1.VolumeSource {
	return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: size}}
}
