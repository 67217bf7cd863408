// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package versioning

import (
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/apitesting/roundtrip"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"

	"github.com/restage-dev/restage/pkg/apis/replay"
	replayfuzzer "github.com/restage-dev/restage/pkg/apis/replay/fuzzer"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/test/integration/versioning/v1beta1"
)

func random(t *testing.T, codecs serializer.CodecFactory) *randfill.Filler {
	t.Helper()
	seed := rand.Int63()
	t.Logf("seed %d", seed)
	return fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, replayfuzzer.Funcs), rand.NewSource(seed), codecs)
}

// Objects go through both versions without a loss.
func TestRoundTrip(t *testing.T) {
	scheme := nextAPI().Scheme
	codecs := serializer.NewCodecFactory(scheme)
	for _, version := range []schema.GroupVersion{v1alpha1.SchemeGroupVersion, v1beta1.SchemeGroupVersion} {
		roundtrip.RoundTripSpecificKindWithoutProtobuf(t, version.WithKind("TrafficReplay"), scheme, codecs, random(t, codecs), nil)
	}
}

// Whatever the object, both versions find the same wrong with it, but for the name of a field.
func TestValidationIsEquivalent(t *testing.T) {
	scheme := nextAPI().Scheme
	filler := random(t, serializer.NewCodecFactory(scheme))
	found := 0
	for range 200 {
		object := &replay.TrafficReplay{}
		filler.Fill(object)
		alpha := problems(t, scheme, object, v1alpha1.SchemeGroupVersion)
		beta := problems(t, scheme, object, v1beta1.SchemeGroupVersion)
		if diff := cmp.Diff(alpha, beta); diff != "" {
			t.Fatalf("v1alpha1 and v1beta1 find different mistakes:\n%s", diff)
		}
		found += len(alpha)
	}
	if found == 0 {
		t.Error("no mistake was found in random objects")
	}
}

func problems(t *testing.T, scheme *runtime.Scheme, object runtime.Object, version schema.GroupVersion) (texts []string) {
	t.Helper()
	versioned, err := scheme.ConvertToVersion(object.DeepCopyObject(), version)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range scheme.Validate(t.Context(), nil, versioned) {
		texts = append(texts, strings.Replace(problem.Error(), "spec.snapshotName:", "spec.snapshot:", 1))
	}
	slices.Sort(texts)
	return texts
}
