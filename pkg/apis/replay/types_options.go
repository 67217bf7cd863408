// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// TrafficRecordsOptions are the query parameters of trafficsnapshots/records.
type TrafficRecordsOptions struct {
	metav1.TypeMeta

	Limit     string
	Continue  string
	Direction string
	Key       string
	Method    string
	Path      string
	Operation string
	Status    string
	Since     string
	Until     string
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ReplayLogOptions are the query parameters of trafficreplays/log.
type ReplayLogOptions struct {
	metav1.TypeMeta

	Follow       string
	TailLines    string
	SinceSeconds string
}
