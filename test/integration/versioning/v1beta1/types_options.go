// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:conversion-gen:explicit-from=net/url.Values
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ReplayLogOptions are the query parameters of trafficreplays/log.
type ReplayLogOptions struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`

	// follow is true to get what is written from now on too, until the replay has ended.
	// +optional
	Follow string `json:"follow,omitempty"`
	// tailLines is how many of the lines there are, counted from the end, are sent. Default all.
	// +optional
	TailLines string `json:"tailLines,omitempty"`
	// sinceSeconds is how old lines may be, in seconds. Default any.
	// +optional
	SinceSeconds string `json:"sinceSeconds,omitempty"`
}

// SwaggerDoc describes the parameters in the OpenAPI documents.
func (ReplayLogOptions) SwaggerDoc() map[string]string {
	return map[string]string{
		"follow":       "true to get what is written from now on too, until the replay has ended.",
		"tailLines":    "how many of the lines there are, counted from the end, are sent. Default all.",
		"sinceSeconds": "how old lines may be, in seconds. Default any.",
	}
}
