// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

func onDisk(t *testing.T) filesys.FileSystem {
	t.Helper()
	return filesys.MakeFsOnDisk()
}

func fromResource(t *testing.T, r *resource.Resource) *unstructured.Unstructured {
	t.Helper()
	content, err := r.Map()
	if err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: content}
}
