// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/kept"
)

// Pods of a workload that a capture records keep the proxy as they should; of those without one it is told, unless captures cannot be read.
func TestPodsThatACaptureRecordsAreNotKept(t *testing.T) {
	pods := func(namespace, name string) kept.Pods {
		return kept.Pods{Namespace: namespace, Workload: v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name}, Names: []string{name + "-1"}}
	}
	client := fake.NewClientset(&v1alpha1.TrafficCapture{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front"},
		Spec:       v1alpha1.TrafficCaptureSpec{WorkloadRef: v1alpha1.WorkloadReference{Name: "front"}},
	})
	keeping := []kept.Pods{pods("shop", "front"), pods("shop", "back"), pods("other", "front")}
	s := Gather(t.Context(), &installation.Installation{}, client, "", keeping)
	if len(s.Kept) != 2 || s.Kept[0].Workload.Name != "back" || s.Kept[1].Namespace != "other" || len(keeping) != 3 {
		t.Errorf("kept are %+v", s.Kept)
	}
	client.PrependReactor("list", "trafficcaptures", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("no server") })
	if s := Gather(t.Context(), &installation.Installation{}, client, "", keeping); len(s.Kept) != 0 || s.Trouble == "" {
		t.Errorf("without captures there is %+v", s)
	}
}
