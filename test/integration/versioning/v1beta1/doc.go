// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// +k8s:deepcopy-gen=package
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=dev.restage.replay.v1beta1
// +k8s:conversion-gen=github.com/restage-dev/restage/pkg/apis/replay
// +k8s:defaulter-gen=TypeMeta
// +k8s:validation-gen=TypesWithField=TypeMeta
// +groupName=replay.restage.dev

// Package v1beta1 is a version of the API that nobody serves but a test. It has one kind, in which a field has another name
// than in v1alpha1, and shows what it takes to add a version.
package v1beta1
