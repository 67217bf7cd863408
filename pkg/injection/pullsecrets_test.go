// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func withPullSecrets(names ...string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{Spec: corev1.PodSpec{ImagePullSecrets: References(names)}}
}

func TestPullSecrets(t *testing.T) {
	added := withPullSecrets("own", "ours")
	added.Annotations = map[string]string{AnnotationPullSecrets: "ours"}
	for _, test := range []struct {
		name          string
		template      corev1.PodTemplateSpec
		account, ours []string
		want          []string
	}{
		{"without ours nothing changes", withPullSecrets(), []string{"account"}, nil, nil},
		{"a template without any keeps those of its account", withPullSecrets(), []string{"account"}, []string{"ours"}, []string{"account", "ours"}},
		{"a template with its own has none of its account", withPullSecrets("own"), []string{"account"}, []string{"ours"}, []string{"ours"}},
		{"each once", withPullSecrets(), []string{"ours"}, []string{"ours", "more"}, []string{"ours", "more"}},
		{"its own is not added", withPullSecrets("ours"), nil, []string{"ours", "more"}, []string{"more"}},
		{"what was added before is needed still", added, []string{"account"}, []string{"ours"}, []string{"ours"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, PullSecrets(test.template, References(test.account), test.ours)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRemoveLeavesTheTemplateAsItWas(t *testing.T) {
	plain := readTemplate(t, "front")
	plain.Spec.ImagePullSecrets = References([]string{"own"})
	opts := captureOptions()
	opts.ImagePullSecrets = PullSecrets(plain, nil, []string{"first", "own", "second"})
	captured := *plain.DeepCopy()
	Capture(opts).AddTo(&captured)
	if diff := cmp.Diff(References([]string{"own", "first", "second"}), captured.Spec.ImagePullSecrets); diff != "" {
		t.Errorf("pull secrets of the recorded template: %s", diff)
	}
	Remove(&captured)
	if diff := cmp.Diff(plain, captured); diff != "" {
		t.Errorf("something stays: %s", diff)
	}
}

// A workload that is recorded is copied as if it were not.
func TestIsolateReplacesThePullSecretsOfACapture(t *testing.T) {
	plain := readTemplate(t, "front")
	ours, account := []string{"ours"}, References([]string{"account"})
	opts := captureOptions()
	opts.ImagePullSecrets = PullSecrets(plain, account, ours)
	captured := *plain.DeepCopy()
	Capture(opts).AddTo(&captured)
	var copies []corev1.PodTemplateSpec
	for _, live := range []corev1.PodTemplateSpec{plain, captured} {
		opts := isolateOptions()
		opts.ImagePullSecrets = PullSecrets(live, account, ours)
		copied, err := Isolate(live, opts)
		if err != nil {
			t.Fatal(err)
		}
		copies = append(copies, copied)
	}
	if diff := cmp.Diff(copies[0], copies[1]); diff != "" {
		t.Errorf("plain - captured +\n%s", diff)
	}
	if diff := cmp.Diff(References([]string{"account", "ours"}), copies[0].Spec.ImagePullSecrets); diff != "" {
		t.Error(diff)
	}
}
