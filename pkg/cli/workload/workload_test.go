// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func mapper() (meta.RESTMapper, error) {
	known := meta.NewDefaultRESTMapper(nil)
	known.Add(schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"}, meta.RESTScopeNamespace)
	return known, nil
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"front": "deployment.apps/front", "deploy/front": "deployment.apps/front", "deployments/front": "deployment.apps/front",
		"deployment.apps/front": "deployment.apps/front", "Deployment.v1.apps/front": "deployment.apps/front",
		"sts/db": "statefulset.apps/db", "statefulsets.apps/db": "statefulset.apps/db", "ds/agent": "daemonset.apps/agent",
		"rs/old": "replicaset.apps/old", "cj/night": "cronjob.batch/night", "cronjobs/night": "cronjob.batch/night", "job/once": "job.batch/once",
		"pod/bare": "pod/bare", "po/bare": "pod/bare", "svc/front": "service/front", "services/front": "service/front",
		"rollout.argoproj.io/front": "rollout.argoproj.io/front", "rollouts.argoproj.io/front": "rollout.argoproj.io/front",
		"rollouts.v1alpha1.argoproj.io/front": "rollout.argoproj.io/front",
	} {
		ref, err := Parse(text, mapper)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := String(ref); got != want {
			t.Errorf("%s is written %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"node/a": `"node" is not a kind`, "deploy/": `"" is not the name`, "deploy/a/b": `"a/b" is not the name`, "": `"" is not the name`, "/x": `"" is not a kind`,
		"gadgets.example.com/x": "no matches",
	} {
		if _, err := Parse(text, mapper); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
}
