// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package override

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

func recorded() (v1alpha1.WorkloadReference, error) {
	return v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "front"}, nil
}

func TestParse(t *testing.T) {
	front, _ := recorded()
	for name, test := range map[string]struct {
		flags Flags
		want  []v1alpha1.EnvironmentWorkload
	}{
		"nothing": {},
		"workloads": {Flags{Workloads: []string{"deploy/front", "deploy/back"}}, []v1alpha1.EnvironmentWorkload{
			{Ref: front}, {Ref: v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "back"}},
		}},
		"a variable of the container whose image is another": {Flags{Images: []string{"app=front:2"}, Env: []string{"A=1"}},
			[]v1alpha1.EnvironmentWorkload{{
				Ref:        front,
				Containers: []v1alpha1.ContainerOverride{{Name: "app", Image: "front:2", Env: []corev1.EnvVar{{Name: "A", Value: "1"}}}},
			}}},
		"the recorded one": {Flags{Images: []string{"registry.example:5000/front:2"}}, []v1alpha1.EnvironmentWorkload{
			{Ref: front, Containers: []v1alpha1.ContainerOverride{{Image: "registry.example:5000/front:2"}}},
		}},
		"the recorded one in place": {Flags{Strategy: "InPlace"}, []v1alpha1.EnvironmentWorkload{{Ref: front, Strategy: v1alpha1.StrategyInPlace}}},
		"volumes":                   {Flags{Volumes: "Ephemeral"}, []v1alpha1.EnvironmentWorkload{{Ref: front, Volumes: v1alpha1.VolumesEphemeral}}},
		"everything": {
			Flags{
				Workloads: []string{"deploy/front"}, Images: []string{"app=front:2"}, Env: []string{"app:A=1=2", "side:B=", "app:C=x:y"},
				Tests: []string{"front:80"}, Mocks: []string{"back"},
			},
			[]v1alpha1.EnvironmentWorkload{{
				Ref: front, Tests: []string{"front:80"}, Mocks: []string{"back"},
				Containers: []v1alpha1.ContainerOverride{
					{Name: "app", Image: "front:2", Env: []corev1.EnvVar{{Name: "A", Value: "1=2"}, {Name: "C", Value: "x:y"}}},
					{Name: "side", Env: []corev1.EnvVar{{Name: "B"}}},
				},
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.flags.Parse(recorded)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for want, flags := range map[string]Flags{
		`--image "app=": must be`:                 {Images: []string{"app="}},
		`--image "=x": must be`:                   {Images: []string{"=x"}},
		`--image "y": the container has an image`: {Images: []string{"x", "y"}},
		`--env "A": must be`:                      {Env: []string{"A"}},
		`--env "app:=1": must be`:                 {Env: []string{"app:=1"}},
		`--workload: "node/db"`:                   {Workloads: []string{"node/db"}},
		`--strategy "Move": must be one of`:       {Strategy: "Move"},
		`--volumes "Share": must be one of`:       {Volumes: "Share"},
		`go with one --workload, and there are 2`: {Workloads: []string{"a", "b"}, Images: []string{"x"}},
		`no such snapshot`:                        {Mocks: []string{"back"}},
	} {
		_, err := flags.Parse(func() (v1alpha1.WorkloadReference, error) {
			return v1alpha1.WorkloadReference{}, errors.New("no such snapshot")
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %s", flags, err, want)
		}
	}
}
