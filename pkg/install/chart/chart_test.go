// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restage-dev/restage/pkg/install"
)

func TestValuesAreTheOptions(t *testing.T) {
	var want, got []string
	for field := range reflect.TypeFor[install.Options]().Fields() {
		want = append(want, field.Tag.Get("json"))
	}
	for _, o := range options {
		got = append(got, o.name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options - values +\n%s", diff)
	}
}

func TestChartIsCurrent(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../../../artifacts/chart", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is out of date (make generate): %v", name, err)
		}
	}
}
