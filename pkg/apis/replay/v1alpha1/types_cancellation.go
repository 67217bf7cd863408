// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ReplayCancellation ends a TrafficReplay before its time. It is posted to the subresource cancel of the replay and is
// kept nowhere: what comes of it is the condition CancelRequested of the replay.
type ReplayCancellation struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`
	// metadata names the replay; it may be left out.
	// +optional
	// +k8s:opaqueType
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// reason says why, for people. It becomes part of the replay's conditions. At most 1024 bytes.
	// +optional
	Reason string `json:"reason,omitempty"`
}
