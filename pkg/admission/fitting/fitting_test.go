// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package fitting

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
)

func list(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
}

// recorded is a pod with the proxy.
func recorded() *corev1.Pod {
	template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", Image: "app:1", Resources: corev1.ResourceRequirements{Requests: list("100m", "100Mi"), Limits: list("200m", "200Mi")},
	}}}}
	injection.Capture(injection.CaptureOptions{Image: "proxy:1", Template: template}).AddTo(&template)
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front"}, Spec: template.Spec}
}

func limits(item corev1.LimitRangeItem) runtime.Object {
	return &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "limits"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{item}}}
}

func quota(hard corev1.ResourceList) runtime.Object {
	return &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "quota"}, Spec: corev1.ResourceQuotaSpec{Hard: hard}}
}

// What the namespace allows decides about what the proxy asks for, and whether there is one. What a pod itself asks for is its own. The policies have a test of their
// own, on a kube-apiserver.
func TestFit(t *testing.T) {
	ofContainers := func(max, defaults corev1.ResourceList) runtime.Object {
		return limits(corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Max: max, Default: defaults})
	}
	for name, test := range map[string]struct {
		constraints []runtime.Object
		memory      string // of the proxy, empty when there is none
		said        map[string]string
	}{
		"nothing is said":  {nil, "512Mi", nil},
		"of another place": {[]runtime.Object{&corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: "other"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, Max: list("1", "1Mi")}}}}}, "512Mi", nil},
		"enough":           {[]runtime.Object{ofContainers(list("1", "1Gi"), list("1", "1Gi"))}, "512Mi", nil},
		"less":             {[]runtime.Object{ofContainers(list("1", "256Mi"), list("1", "256Mi"))}, "256Mi", map[string]string{v1alpha1.AnnotationProxyResources: `changed, because of LimitRange "limits"`}},
		"too little": {[]runtime.Object{ofContainers(list("1", "64Mi"), list("1", "64Mi"))}, "", map[string]string{
			v1alpha1.AnnotationProxyResources: `changed, because of LimitRange "limits"`, v1alpha1.AnnotationProxyLeftOut: `LimitRange "limits" does not allow what the proxy needs`,
		}},
		"no room": {[]runtime.Object{quota(corev1.ResourceList{corev1.ResourceRequestsMemory: resource.MustParse("120Mi")})}, "0", map[string]string{v1alpha1.AnnotationProxyResources: `nothing, because of ResourceQuota "quota"`}},
		"no room for less": {[]runtime.Object{ofContainers(list("1", "256Mi"), list("1", "256Mi")), quota(corev1.ResourceList{corev1.ResourceRequestsMemory: resource.MustParse("120Mi")})}, "", map[string]string{
			v1alpha1.AnnotationProxyResources: `changed, because of LimitRange "limits"`, v1alpha1.AnnotationProxyLeftOut: `ResourceQuota "quota" has no room for what the proxy asks for`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			pod := recorded()
			fitted, err := New(kubefake.NewClientset(test.constraints...)).Fit(t.Context(), "shop", pod)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(recorded(), pod); diff != "" {
				t.Errorf("the pod itself was changed: %s", diff)
			}
			memory := ""
			if injection.HasProxy(fitted.Spec) {
				memory = fitted.Spec.InitContainers[0].Resources.Limits.Memory().String()
			}
			if memory != test.memory || !maps.Equal(fitted.Annotations, test.said) {
				t.Errorf("the proxy has %q, want %q; said is %v, want %v", memory, test.memory, fitted.Annotations, test.said)
			}
			if diff := cmp.Diff(pod.Spec.Containers, fitted.Spec.Containers); diff != "" {
				t.Errorf("the container of its owner was changed: %s", diff)
			}
		})
	}
}

func TestPrepare(t *testing.T) {
	if err := New(nil).Prepare(); err != nil {
		t.Fatal(err)
	}
}

// What cannot be read may keep the pod out.
func TestFitOfWhatCannotBeRead(t *testing.T) {
	for _, resource := range []string{"limitranges", "resourcequotas"} {
		kube := kubefake.NewClientset()
		kube.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("no answer") })
		if _, err := New(kube).Fit(t.Context(), "shop", recorded()); err == nil || !strings.Contains(err.Error(), "no answer") {
			t.Errorf("without %s the error is %v", resource, err)
		}
	}
}

func BenchmarkFit(b *testing.B) {
	f := New(kubefake.NewClientset(limits(corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Max: list("1", "256Mi")})))
	pod := recorded()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Fit(b.Context(), "shop", pod); err != nil {
			b.Fatal(err)
		}
	}
}
