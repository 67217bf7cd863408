// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// +k8s:deepcopy-gen=package
// +groupName=replay.restage.dev

// Package replay holds the internal form of the API of Restage: registries and admission plugins are written
// against it, and every version is converted to and from it. The fields are documented in the versions.
package replay
