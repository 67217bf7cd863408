// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/wiring"
)

// Where templates are injected by others nothing is written to a workload, whatever happens to its capture.
func TestManualInjectionLeavesWorkloadsAlone(t *testing.T) {
	w := newWorld(t, nil)
	w.cluster.Injection = wiring.InjectionManual
	w.annotation("true")
	before := getDeployment(t, w.cluster, "front")
	w.reconcile("front")
	w.expect("front", metav1.ConditionFalse, reasonNotInjected, "kubectl restage inject")
	if w.credentials == 0 {
		t.Error("the namespace has no credentials for what will be injected")
	}

	injected := before.DeepCopy()
	patch().AddTo(&injected.Spec.Template)
	if _, err := w.cluster.Kube.AppsV1().Deployments(shop).Update(t.Context(), injected, metav1.UpdateOptions{FieldManager: "flux"}); err != nil {
		t.Fatal(err)
	}
	w.addPod("front-1", true)
	w.reconcile("front")
	w.expect("front", metav1.ConditionTrue, reasonRecording, "1 of 1 pods")

	w.markDeleted("front")
	w.reconcile("front")
	if finalizers := w.get("front").Finalizers; len(finalizers) > 0 {
		t.Errorf("the capture is held by %v", finalizers)
	}
	if !w.hasProxy() || IsManaged(of(t, getDeployment(t, w.cluster, "front"))) {
		t.Error("the workload was changed")
	}
}
