// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package decoding

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/restage-dev/restage/pkg/apis/replay/install"
)

func decoders(t testing.TB) (relaxed, strict runtime.Serializer) {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	codecs := serializer.NewCodecFactory(scheme)
	i := slices.IndexFunc(codecs.SupportedMediaTypes(), func(info runtime.SerializerInfo) bool {
		return info.MediaType == runtime.ContentTypeYAML
	})
	if i < 0 {
		t.Fatal("no YAML")
	}
	info := Locating(codecs.SupportedMediaTypes()[i], scheme)
	return info.Serializer, info.StrictSerializer
}

const head = "apiVersion: replay.restage.dev/v1alpha1\nkind: "

func TestErrorsNameTheField(t *testing.T) {
	relaxed, strict := decoders(t)
	for manifest, want := range map[string]string{
		"TrafficReplay\nspec: {timeout: soon}":                            `spec.timeout: Invalid value: "soon": must be a duration such as 90s, 15m or 1h30m`,
		"TrafficReplay\nspec: {timeout: 5 minutes}":                       `spec.timeout: Invalid value: "5 minutes"`,
		"TrafficReplay\nspec: {timeout: 30}":                              `spec.timeout: Invalid value: 30`,
		"TrafficReplay\nspec: {timeout: 9999999999h}":                     `spec.timeout: Invalid value: "9999999999h"`,
		"TrafficReplay\nspec: {snapshotName: 1}":                          `spec.snapshotName: Invalid value: 1: must be a text; give it in quotes`,
		"TrafficReplay\nspec: {workloads: {ref: 1}}":                      `spec.workloads: Invalid value: must be a list`,
		"TrafficReplay\nspec: {workloads: [a]}":                           `spec.workloads[0]: Invalid value: "a": must be an object`,
		"TrafficReplay\nspec: {profile: {comparison: {learnNoise: 1}}}":   `spec.profile.comparison.learnNoise: Invalid value: 1: must be true or false`,
		"TrafficCapture\nspec: {ports: [80, http]}":                       `spec.ports[1]: Invalid value: "http": must be a whole number of 32 bits`,
		"TrafficCapture\nspec: {ports: [80.5]}":                           `spec.ports[0]: Invalid value: 80.5`,
		"TrafficCapture\nmetadata: {labels: {a: 1}}":                      `metadata.labels[a]: Invalid value: 1: must be a text`,
		"TrafficSnapshot\nspec: {startTime: yesterday}":                   `spec.startTime: Invalid value: "yesterday": must be a time such as`,
		"EnvironmentClass\nspec: {proxyResources: {limits: {cpu: 1 MB}}}": `spec.proxyResources.limits[cpu]: Invalid value: "1 MB": must be a quantity such as`,
		"TrafficReplay\nspec: {timeout: a, ttlAfterFinished: b}":          `[spec.timeout: Invalid value: "a"`,
		"TrafficReplay\nspec: []":                                         `spec: Invalid value: must be an object`,
	} {
		for _, decoder := range []runtime.Serializer{relaxed, strict} {
			if _, _, err := decoder.Decode([]byte(head+manifest), nil, nil); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %s", manifest, err, want)
			}
		}
	}
}

func TestWhatIsWellFormedIsDecoded(t *testing.T) {
	relaxed, strict := decoders(t)
	manifest := []byte(head + "TrafficReplay\nspec: {timeout: 5m, tiemout: 5m}")
	if _, _, err := relaxed.Decode(manifest, nil, nil); err != nil {
		t.Error(err)
	}
	if _, _, err := strict.Decode(manifest, nil, nil); !runtime.IsStrictDecodingError(err) || !strings.Contains(err.Error(), `unknown field "spec.tiemout"`) {
		t.Errorf("an unknown field: %v", err)
	}
	if _, _, err := strict.Decode([]byte("kind: [\n"), nil, nil); err == nil {
		t.Error("broken YAML was decoded")
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	relaxed, _ := decoders(t)
	manifest := head + "TrafficCapture\nspec: {ports: [" + strings.Repeat("a,", 1000) + "]}"
	if _, _, err := relaxed.Decode([]byte(manifest), nil, nil); err == nil || strings.Count(err.Error(), "Invalid") != maxMistakes {
		t.Errorf("error %v", err)
	}
}

func FuzzLocate(f *testing.F) {
	relaxed, _ := decoders(f)
	f.Add([]byte(head + "TrafficReplay\nspec: {timeout: soon, workloads: [{ref: 1}]}"))
	f.Add([]byte(`{"apiVersion":"replay.restage.dev/v1alpha1","kind":"Environment","spec":{"workloads":[{"template":{"spec":[]}}]}}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _, _ = relaxed.Decode(data, nil, nil)
	})
}
