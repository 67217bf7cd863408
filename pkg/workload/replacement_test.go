// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// A restart is advised where it replaces all pods, and a release where pods are held.
func TestCommandsThatReplacePods(t *testing.T) {
	const restart = "kubectl -n shop rollout restart "
	set := func(strategy appsv1.StatefulSetUpdateStrategyType, partition int32) *appsv1.StatefulSet {
		return &appsv1.StatefulSet{ObjectMeta: named("db"), Spec: appsv1.StatefulSetSpec{UpdateStrategy: appsv1.StatefulSetUpdateStrategy{
			Type: strategy, RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To(partition)},
		}}}
	}
	for name, test := range map[string]struct {
		object           Object
		restart, release string
	}{
		"Deployment":  {&appsv1.Deployment{ObjectMeta: named("front")}, restart + "deployment/front", ""},
		"paused":      {&appsv1.Deployment{ObjectMeta: named("front"), Spec: appsv1.DeploymentSpec{Paused: true}}, "", "kubectl -n shop rollout resume deployment/front"},
		"StatefulSet": {set(appsv1.RollingUpdateStatefulSetStrategyType, 0), restart + "statefulset/db", ""},
		"partition": {set(appsv1.RollingUpdateStatefulSetStrategyType, 1), "",
			`kubectl -n shop patch statefulset/db --type=merge -p '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}'`},
		"on delete":  {set(appsv1.OnDeleteStatefulSetStrategyType, 0), "", ""},
		"DaemonSet":  {&appsv1.DaemonSet{ObjectMeta: named("agent")}, restart + "daemonset/agent", ""},
		"ReplicaSet": {&appsv1.ReplicaSet{ObjectMeta: named("old")}, "", ""},
		"Pod":        {&corev1.Pod{ObjectMeta: named("bare")}, "", ""},
	} {
		w, err := Of(test.object)
		if err != nil {
			t.Fatal(err)
		}
		if w.RestartCommand() != test.restart || w.ReleaseCommand() != test.release || w.Holds() != (test.release != "") {
			t.Errorf("%s: restart %q, release %q", name, w.RestartCommand(), w.ReleaseCommand())
		}
	}
}
