// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capturespec

import "github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"

// Active returns the oldest of those captures that fit and are not being deleted: it records, and the others wait. Nil when there is none.
func Active(all []*v1alpha1.TrafficCapture, fits func(*v1alpha1.TrafficCapture) bool) (oldest *v1alpha1.TrafficCapture) {
	for _, capture := range all {
		if capture.DeletionTimestamp == nil && fits(capture) && (oldest == nil || isOlder(capture, oldest)) {
			oldest = capture
		}
	}
	return oldest
}

func isOlder(a, b *v1alpha1.TrafficCapture) bool {
	if a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.Name < b.Name
	}
	return a.CreationTimestamp.Before(&b.CreationTimestamp)
}

// OptedIn tells whether a pod with these labels, in a namespace with those, is to get the recording proxy as it is made.
func OptedIn(pod, namespace map[string]string) bool {
	if own := pod[v1alpha1.LabelInject]; own != "" {
		return own == v1alpha1.InjectEnabled
	}
	return namespace[v1alpha1.LabelInject] == v1alpha1.InjectEnabled
}
