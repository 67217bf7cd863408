// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, text := range []string{"deploy/front", "deployment/front", "deployments/front", "deployment.apps/front", "Deployment.v1.apps/front", "front"} {
		ref, err := Parse(text)
		if err != nil || ref.Name != "front" || ref.Kind != "Deployment" || ref.APIVersion != "apps/v1" {
			t.Errorf("%s: %+v, %v", text, ref, err)
		}
		if got := String(ref); got != "deployment.apps/front" {
			t.Errorf("%s is written %s", text, got)
		}
	}
	for text, want := range map[string]string{
		"sts/db": `"sts" is not a kind`, "deploy/": `"" is not the name`, "deploy/a/b": `"a/b" is not the name`, "": `"" is not the name`, "/x": `"" is not a kind`,
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
}
