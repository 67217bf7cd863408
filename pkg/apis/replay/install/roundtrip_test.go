// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"math/rand"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/apitesting/roundtrip"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/randfill"

	"github.com/restage-dev/restage/pkg/apis/replay"
	replayfuzzer "github.com/restage-dev/restage/pkg/apis/replay/fuzzer"
)

// Objects go through JSON and YAML and the versions without a loss. They have no protobuf form.
func TestRoundTrip(t *testing.T) {
	scheme := runtime.NewScheme()
	Install(scheme)
	codecs := serializer.NewCodecFactory(scheme)
	f := fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, replayfuzzer.Funcs), rand.NewSource(rand.Int63()), codecs)
	roundtrip.RoundTripTypesWithoutProtobuf(t, scheme, codecs, f, nil)
}

// Filling in defaults twice changes nothing more.
func TestDefaultsAreIdempotent(t *testing.T) {
	scheme := runtime.NewScheme()
	Install(scheme)
	f := fuzzer.FuzzerFor(metafuzzer.Funcs, rand.NewSource(rand.Int63()), serializer.NewCodecFactory(scheme))
	for _, version := range Versions() {
		defaultsAreIdempotent(t, scheme, f, version.GroupVersion)
	}
	if _, ok := scheme.KnownTypes(replay.SchemeGroupVersion)["TrafficReplay"]; !ok {
		t.Error("the internal form is not installed")
	}
}

func defaultsAreIdempotent(t *testing.T, scheme *runtime.Scheme, f *randfill.Filler, version schema.GroupVersion) {
	checked := 0
	for kind, typ := range scheme.KnownTypes(version) {
		if !strings.HasSuffix(typ.PkgPath(), "/replay/"+version.Version) {
			continue
		}
		checked++
		for range 20 {
			once := reflect.New(typ).Interface().(runtime.Object)
			f.Fill(once)
			scheme.Default(once)
			twice := once.DeepCopyObject()
			scheme.Default(twice)
			if !reflect.DeepEqual(once, twice) {
				t.Fatalf("%s: defaults once: %+v, twice: %+v", kind, once, twice)
			}
		}
	}
	if checked == 0 {
		t.Errorf("%s has no kinds", version)
	}
}

// Every kind of every version that is stored is validated by its tags, on its own and together with its status.
func TestEveryKindIsValidated(t *testing.T) {
	scheme := runtime.NewScheme()
	Install(scheme)
	for _, version := range Versions() {
		for kind, typ := range scheme.KnownTypes(version.GroupVersion) {
			object, ok := reflect.New(typ).Interface().(runtime.Object)
			if _, meta := object.(metav1.Object); !ok || !meta || !strings.HasSuffix(typ.PkgPath(), "/replay/"+version.Version) {
				continue
			}
			if _, stored := typ.FieldByName("Spec"); !stored {
				continue
			}
			if !scheme.HasValidationFunc(object) {
				t.Errorf("%s of %s has no validation", kind, version)
			}
			if _, hasStatus := typ.FieldByName("Status"); !hasStatus {
				continue
			}
			for _, problem := range scheme.Validate(t.Context(), nil, object, "status") {
				if problem.Type == field.ErrorTypeInternal {
					t.Errorf("the status of %s: %v", kind, problem)
				}
			}
		}
	}
}
