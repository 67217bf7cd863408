// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// SecretUse is a reference to a Secret in a pod template.
type SecretUse struct {
	Name string
	Path *field.Path
}

// Secrets returns every reference to a Secret in a compiled template, in the order of its fields; path is that of the template.
// What Restage itself adds is left out: it is not the caller's.
func Secrets(template *corev1.PodTemplateSpec, path *field.Path) []SecretUse {
	var uses secretUses
	spec, path := &template.Spec, path.Child("spec")
	for i, volume := range spec.Volumes {
		if volume.Name != wiring.EnvironmentVolume {
			uses.volume(&volume.VolumeSource, path.Child("volumes").Index(i))
		}
	}
	for i, container := range spec.InitContainers {
		if !injection.IsOurContainer(container.Name) {
			uses.env(container.EnvFrom, container.Env, path.Child("initContainers").Index(i))
		}
	}
	for i, container := range spec.Containers {
		uses.env(container.EnvFrom, container.Env, path.Child("containers").Index(i))
	}
	for i, container := range spec.EphemeralContainers {
		uses.env(container.EnvFrom, container.Env, path.Child("ephemeralContainers").Index(i))
	}
	added := injection.AddedPullSecrets(*template)
	for i, secret := range spec.ImagePullSecrets {
		if !slices.Contains(added, secret.Name) {
			uses.add(secret.Name, path.Child("imagePullSecrets").Index(i).Child("name"))
		}
	}
	return uses
}

type secretUses []SecretUse

func (u *secretUses) add(name string, path *field.Path) {
	if name != "" {
		*u = append(*u, SecretUse{Name: name, Path: path})
	}
}

func (u *secretUses) reference(secret *corev1.LocalObjectReference, path *field.Path) {
	if secret != nil {
		u.add(secret.Name, path.Child("name"))
	}
}

func (u *secretUses) env(sources []corev1.EnvFromSource, variables []corev1.EnvVar, path *field.Path) {
	for i, source := range sources {
		if source.SecretRef != nil {
			u.reference(&source.SecretRef.LocalObjectReference, path.Child("envFrom").Index(i).Child("secretRef"))
		}
	}
	for i, variable := range variables {
		if variable.ValueFrom != nil && variable.ValueFrom.SecretKeyRef != nil {
			u.reference(&variable.ValueFrom.SecretKeyRef.LocalObjectReference, path.Child("env").Index(i).Child("valueFrom", "secretKeyRef"))
		}
	}
}

// volume knows every kind of volume that a pod may have with a Secret in its own namespace.
func (u *secretUses) volume(v *corev1.VolumeSource, path *field.Path) {
	switch {
	case v.Secret != nil:
		u.add(v.Secret.SecretName, path.Child("secret", "secretName"))
	case v.Projected != nil:
		for i, source := range v.Projected.Sources {
			if source.Secret != nil {
				u.reference(&source.Secret.LocalObjectReference, path.Child("projected", "sources").Index(i).Child("secret"))
			}
		}
	case v.AzureFile != nil:
		u.add(v.AzureFile.SecretName, path.Child("azureFile", "secretName"))
	case v.CephFS != nil:
		u.reference(v.CephFS.SecretRef, path.Child("cephfs", "secretRef"))
	case v.Cinder != nil:
		u.reference(v.Cinder.SecretRef, path.Child("cinder", "secretRef"))
	case v.CSI != nil:
		u.reference(v.CSI.NodePublishSecretRef, path.Child("csi", "nodePublishSecretRef"))
	case v.FlexVolume != nil:
		u.reference(v.FlexVolume.SecretRef, path.Child("flexVolume", "secretRef"))
	case v.ISCSI != nil:
		u.reference(v.ISCSI.SecretRef, path.Child("iscsi", "secretRef"))
	case v.RBD != nil:
		u.reference(v.RBD.SecretRef, path.Child("rbd", "secretRef"))
	case v.ScaleIO != nil:
		u.reference(v.ScaleIO.SecretRef, path.Child("scaleIO", "secretRef"))
	case v.StorageOS != nil:
		u.reference(v.StorageOS.SecretRef, path.Child("storageos", "secretRef"))
	}
}
