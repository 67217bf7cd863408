// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// SchemeGroupVersion is the group and version of the configuration.
var SchemeGroupVersion = schema.GroupVersion{Group: "replaylimits.admission.replay.restage.dev", Version: "v1alpha1"}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// Configuration sets limits that hold where the class of a replay sets none, and where there is no class. Its fields are named as
// in the spec of an EnvironmentClass. What is absent is not limited.
type Configuration struct {
	metav1.TypeMeta `json:",inline"`

	// MaxTimeout is the longest timeout that a replay may ask for.
	MaxTimeout *metav1.Duration `json:"maxTimeout,omitempty"`
	// Limits on everything else.
	Limits *v1alpha1.EnvironmentLimits `json:"limits,omitempty"`
}

// AddToScheme makes the configuration known.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion, &Configuration{})
	return nil
}
