// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// +k8s:deepcopy-gen=package
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=dev.restage.replay.v1alpha1
// +k8s:conversion-gen=github.com/restage-dev/restage/pkg/apis/replay
// +k8s:defaulter-gen=TypeMeta
// +k8s:validation-gen=TypesWithField=TypeMeta
// +groupName=replay.restage.dev

// Package v1alpha1 is the API of Restage as users write it, and its defaults.
package v1alpha1
