// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// +k8s:deepcopy-gen=package

// Package v1alpha1 is the configuration of the admission plugin ReplayLimits, as it stands in the file that the flag
// --admission-control-config-file names.
package v1alpha1
