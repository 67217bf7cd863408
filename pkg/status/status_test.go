// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/kept"
	"github.com/restage-dev/restage/pkg/wiring"
)

// pod has a proxy, and the name as it would have in a Deployment.
func pod(namespace, deployment string) *corev1.Pod {
	isController := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: deployment + "-5d9-a", Labels: map[string]string{"pod-template-hash": "5d9"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: "ReplicaSet", Name: deployment + "-5d9", Controller: &isController}},
		},
		Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Name: wiring.ProxyContainerName}}},
	}
}

// Pods of a workload that a capture records keep the proxy as they should; of those without one it is told, unless it is not known which those are.
func TestPodsThatACaptureRecordsAreNotKept(t *testing.T) {
	client := fake.NewClientset(&v1alpha1.TrafficCapture{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front"},
		Spec:       v1alpha1.TrafficCaptureSpec{WorkloadRef: v1alpha1.WorkloadReference{Name: "front"}},
	})
	cluster := controllertest.New(pod("shop", "front"), pod("shop", "back"), pod("other", "front"))
	look := func(ctx context.Context, except kept.Except) ([]kept.Pods, error) {
		return kept.Find(ctx, cluster.Workloads(), "", except)
	}
	installed := &installation.Installation{Deployments: map[string]*appsv1.Deployment{installation.Controller: {}}}
	s := Gather(t.Context(), installed, client, "", look)
	if len(s.Kept) != 2 || s.Kept[0].Namespace != "other" || s.Kept[1].Workload.Name != "back" || s.Trouble != "" {
		t.Errorf("kept are %+v, trouble %q", s.Kept, s.Trouble)
	}
	if s := Gather(t.Context(), &installation.Installation{}, client, "", look); len(s.Kept) != 3 || s.Trouble != "" {
		t.Errorf("of an installation that is gone are kept %+v, trouble %q", s.Kept, s.Trouble)
	}
	if s := Gather(t.Context(), installed, client, "", nil); len(s.Kept) != 0 || s.Trouble != "" || len(s.Captures) != 1 {
		t.Errorf("without a look there is %+v", s)
	}
	fails := func(context.Context, kept.Except) ([]kept.Pods, error) { return nil, errors.New("no pods today") }
	if s := Gather(t.Context(), installed, client, "", fails); len(s.Captures) != 1 || s.Trouble != "no pods today" {
		t.Errorf("when the look fails there is %+v", s)
	}
	client.PrependReactor("list", "trafficcaptures", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("no server") })
	if s := Gather(t.Context(), installed, client, "", look); len(s.Kept) != 0 || !strings.Contains(s.Trouble, "no server") {
		t.Errorf("without captures there is %+v", s)
	}
}
