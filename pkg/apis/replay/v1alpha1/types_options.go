// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:conversion-gen:explicit-from=net/url.Values
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// TrafficRecordsOptions are the query parameters of trafficsnapshots/records. They are text, so that what is wrong with
// one can be said together with its name.
type TrafficRecordsOptions struct {
	// +k8s:opaqueType
	metav1.TypeMeta `json:",inline"`

	// limit is the greatest number of records in the answer, 1 to 10000. Default 500. There may be fewer although there is more.
	// +optional
	Limit string `json:"limit,omitempty"`
	// continue is the token that the answer before came with. All other parameters but the limit must be the same as then.
	// +optional
	Continue string `json:"continue,omitempty"`
	// direction is Inbound or Outbound.
	// +optional
	Direction string `json:"direction,omitempty"`
	// key selects a slice: a part of its key that occurs in one key only, or * for all.
	// +optional
	Key string `json:"key,omitempty"`
	// method of the request, such as GET.
	// +optional
	Method string `json:"method,omitempty"`
	// path of the request, without query. * stands for any text.
	// +optional
	Path string `json:"path,omitempty"`
	// operation is method and path, as in "GET /orders/*".
	// +optional
	Operation string `json:"operation,omitempty"`
	// status is a status, a class such as 5xx, or none for no response; several are separated by commas.
	// +optional
	Status string `json:"status,omitempty"`
	// since selects requests that began at this time, in RFC 3339, or later.
	// +optional
	Since string `json:"since,omitempty"`
	// until selects requests that began before this time, in RFC 3339.
	// +optional
	Until string `json:"until,omitempty"`
}

// SwaggerDoc describes the parameters in the OpenAPI documents.
func (TrafficRecordsOptions) SwaggerDoc() map[string]string {
	return map[string]string{
		"limit":     "greatest number of records in the answer, 1 to 10000. Default 500. There may be fewer although there is more.",
		"continue":  "the token that the answer before came with. All other parameters but the limit must be the same as then.",
		"direction": "Inbound or Outbound.",
		"key":       "selects a slice: a part of its key that occurs in one key only, or * for all.",
		"method":    "method of the request, such as GET.",
		"path":      "path of the request, without query. * stands for any text.",
		"operation": "method and path, as in \"GET /orders/*\".",
		"status":    "a status, a class such as 5xx, or none for no response; several are separated by commas.",
		"since":     "selects requests that began at this time, in RFC 3339, or later.",
		"until":     "selects requests that began before this time, in RFC 3339.",
	}
}

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
