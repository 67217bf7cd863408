// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

func TestWorkloadReferences(t *testing.T) {
	for _, test := range []struct {
		apiVersion, kind, want string // want is empty for what is accepted
	}{
		{"", "", ""}, {"", "StatefulSet", ""}, {"", "CronJob", ""}, {"", "Pod", ""}, {"", "Service", ""}, {"batch/v1", "Job", ""},
		{"argoproj.io/v1alpha1", "Rollout", ""}, {"example.com/v1", "Deployment", ""},
		{"", "Rollout", "ref.apiVersion: Required value"},
		{"apps/v1beta1", "Deployment", `ref.apiVersion: Unsupported value: "apps/v1beta1": supported values: "apps/v1"`},
		{"apps/v1", "Job", `supported values: "batch/v1"`},
		{"apps/v1", "Gadget", `ref.kind: Unsupported value: "Gadget": supported values: "CronJob", "DaemonSet", "Deployment"`},
		{"v1", "ConfigMap", `ref.kind: Unsupported value: "ConfigMap"`},
		{"argoproj.io/v1/x", "Rollout", "ref.apiVersion: Invalid value"},
		{"argoproj.io/v1", "rollout", "ref.kind: Invalid value"},
		{"replay.restage.dev/v1alpha1", "TrafficReplay", "has no workloads"},
	} {
		versioned := v1alpha1.WorkloadReference{APIVersion: test.apiVersion, Kind: test.kind, Name: "x"}
		v1alpha1.SetDefaults_WorkloadReference(&versioned)
		errs := ValidateWorkloadReference(replay.WorkloadReference(versioned), field.NewPath("ref"))
		switch {
		case test.want == "" && len(errs) > 0, test.want != "" && (len(errs) == 0 || !strings.Contains(errs.ToAggregate().Error(), test.want)):
			t.Errorf("%s %s: %v, want %q", test.apiVersion, test.kind, errs, test.want)
		}
	}
}
