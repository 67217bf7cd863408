// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"math/rand"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/apitesting/roundtrip"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/restage-dev/restage/pkg/apis/replay"
	replayfuzzer "github.com/restage-dev/restage/pkg/apis/replay/fuzzer"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
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
	for kind, typ := range scheme.KnownTypes(v1alpha1.SchemeGroupVersion) {
		if typ.PkgPath() != reflect.TypeFor[v1alpha1.TrafficReplay]().PkgPath() {
			continue
		}
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
	if _, ok := scheme.KnownTypes(replay.SchemeGroupVersion)["TrafficReplay"]; !ok {
		t.Error("the internal form is not installed")
	}
}
