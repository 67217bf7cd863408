// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

// EnforceLabel on a namespace names the Pod Security level that its pods are held to.
const EnforceLabel = "pod-security.kubernetes.io/enforce"

// RefusingLevel returns the Pod Security level by which a namespace with these labels refuses the init container that writes rules, ""
// when it does not: capabilities beyond a runtime's own are allowed at the level privileged alone, which is also the default.
func RefusingLevel(labels map[string]string) string {
	if level := labels[EnforceLabel]; level != "privileged" {
		return level
	}
	return ""
}
