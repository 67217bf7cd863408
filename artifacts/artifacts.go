// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package artifacts holds the manifests of an installation, so that programs render from the same files as kubectl apply -k.
package artifacts

import "embed"

// Files are the kustomizations of an installation, by their paths below artifacts.
//
//go:embed base components default ha kube-system namespaced safeguards
var Files embed.FS
