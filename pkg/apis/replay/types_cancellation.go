// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ReplayCancellation ends a TrafficReplay before its time.
type ReplayCancellation struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	Reason string
}
