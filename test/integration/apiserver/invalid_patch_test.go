// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A patch with a value that cannot be decoded is refused with the field, in whichever way it is sent.
func TestBadPatchesAreRefused(t *testing.T) {
	c := client().ReplayProfiles(namespace)
	if _, err := c.Create(t.Context(), newProfile("patched"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	deleteLater(t, "patched", c.Delete)
	force := true
	for kind, patch := range map[types.PatchType]string{
		types.MergePatchType: `{"spec":{"load":{"requestTimeout":"5 minutes"}}}`,
		types.JSONPatchType:  `[{"op":"replace","path":"/spec/load/requestTimeout","value":"5 minutes"}]`,
		types.ApplyYAMLPatchType: "apiVersion: replay.restage.dev/v1alpha1\nkind: ReplayProfile\nmetadata: {name: patched}\n" +
			"spec: {load: {requestTimeout: 5 minutes}}",
	} {
		options := metav1.PatchOptions{FieldManager: "test"}
		if kind == types.ApplyYAMLPatchType {
			options.Force = &force
		}
		_, err := c.Patch(t.Context(), "patched", kind, []byte(patch), options)
		if err == nil {
			t.Errorf("%s was taken", kind)
			continue
		}
		if want := `spec.load.requestTimeout: Invalid value: "5 minutes": must be a duration such as`; !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %q lacks %q", kind, err, want)
		}
	}
	apply := "apiVersion: replay.restage.dev/v1alpha1\nkind: ReplayProfile\nmetadata: {name: patched}\nspec: {load: {speed: \"2\"}}"
	applied, err := c.Patch(t.Context(), "patched", types.ApplyYAMLPatchType, []byte(apply), metav1.PatchOptions{FieldManager: "test", Force: &force})
	if err != nil || applied.Spec.Load.Speed != "2" {
		t.Errorf("a good patch: speed %q, error %v", applied.Spec.Load.Speed, err)
	}
}
