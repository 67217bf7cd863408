// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
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

// A Rollout holds its pods when somebody has to promote it, and not when it goes on by itself.
func TestRolloutsThatWait(t *testing.T) {
	canary := func(steps ...any) map[string]any {
		return map[string]any{"strategy": map[string]any{"canary": map[string]any{"steps": steps}}}
	}
	blueGreen := func(fields map[string]any) map[string]any {
		return map[string]any{"strategy": map[string]any{"blueGreen": fields}}
	}
	for name, test := range map[string]struct {
		group        string
		spec, status map[string]any
		waits        bool
	}{
		"nothing said":        {"argoproj.io", nil, nil, false},
		"paused":              {"argoproj.io", map[string]any{"paused": true}, nil, true},
		"ended on the way":    {"argoproj.io", nil, map[string]any{"abort": true}, true},
		"a pause":             {"argoproj.io", canary(map[string]any{"setWeight": int64(20)}, map[string]any{"pause": map[string]any{}}), nil, true},
		"a pause that ends":   {"argoproj.io", canary(map[string]any{"pause": map[string]any{"duration": int64(60)}}), nil, false},
		"blue and green":      {"argoproj.io", blueGreen(map[string]any{"activeService": "front"}), nil, false},
		"to be promoted":      {"argoproj.io", blueGreen(map[string]any{"autoPromotionEnabled": false}), nil, true},
		"promoted in a while": {"argoproj.io", blueGreen(map[string]any{"autoPromotionEnabled": false, "autoPromotionSeconds": int64(30)}), nil, false},
		"of another kind":     {"example.com", map[string]any{"paused": true}, nil, false},
	} {
		object := &unstructured.Unstructured{Object: map[string]any{"spec": test.spec, "status": test.status}}
		object.SetNamespace("shop")
		object.SetName("canary")
		w := &Workload{Object: object, Kind: schema.GroupVersionKind{Group: test.group, Version: "v1alpha1", Kind: "Rollout"}, Change: ChangeReplaces}
		release := ""
		switch {
		case test.waits && test.status != nil:
			release = "kubectl argo rollouts -n shop retry rollout canary"
		case test.waits:
			release = "kubectl argo rollouts -n shop promote canary"
		}
		if w.Holds() != test.waits || w.ReleaseCommand() != release {
			t.Errorf("%s: it holds its pods: %t, release %q", name, w.Holds(), w.ReleaseCommand())
		}
	}
}
