// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/scheme"
)

// index stands for a place in a list or a map.
var index = regexp.MustCompile(`\[[^]]*\]`)

// Every field of every spec has a manifest with a mistake in it: a new field without one fails here.
func TestEveryFieldHasABadManifest(t *testing.T) {
	total := 0
	kinds := sets.New[string]()
	for _, file := range invalidFiles(t) {
		kinds.Insert(file.Kind)
		total += len(file.Cases)
		hit := sets.New[string]()
		for _, test := range file.Cases {
			if test.Name == "" || test.Field == "" || len(test.Want) == 0 {
				t.Errorf("%s: the case %+v wants nothing", file.Kind, test)
			}
			hit.Insert(index.ReplaceAllString(test.Field, ""))
		}
		object, err := scheme.Scheme.New(v1alpha1.SchemeGroupVersion.WithKind(file.Kind))
		if err != nil {
			t.Fatal(err)
		}
		spec, _ := reflect.TypeOf(object).Elem().FieldByName("Spec")
		if missing := sets.New(fieldsOf(spec.Type, "spec")...).Difference(hit); missing.Len() > 0 {
			t.Errorf("%s: no bad manifest for %v", file.Kind, sets.List(missing))
		}
	}
	if total < 200 {
		t.Errorf("only %d bad manifests", total)
	}
	for kind, goType := range scheme.Scheme.KnownTypes(v1alpha1.SchemeGroupVersion) {
		_, stored := goType.FieldByName("Spec")
		if ours := strings.HasSuffix(goType.PkgPath(), "/v1alpha1") && strings.Contains(goType.PkgPath(), "restage"); stored && ours && !kinds.Has(kind) {
			t.Errorf("no bad manifests of %s", kind)
		}
	}
}

// fieldsOf returns the paths of a type's fields. It does not go into types that are not ours.
func fieldsOf(t reflect.Type, path string) (paths []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[v1alpha1.TrafficReplay]().PkgPath() {
		return nil
	}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		at := path + "." + name
		paths = append(append(paths, at), fieldsOf(t.Field(i).Type, at)...)
	}
	return paths
}
