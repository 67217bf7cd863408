// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload_test

import (
	"context"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kubefake "k8s.io/client-go/kubernetes/fake"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	at "github.com/restage-dev/restage/pkg/admission/admissiontest"
	"github.com/restage-dev/restage/pkg/admission/memo"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
)

// source knows front in two states, the older one in its cache, and back, which the cache does not have.
func source(t *testing.T) workload.Source {
	t.Helper()
	old := at.Deployment("front", func(spec *corev1.PodSpec) { spec.Containers[0].Image = "example.com/app:0" })
	old.ManagedFields, old.Status.Replicas = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}, 3
	trimmed, err := workload.Trim(old)
	if err != nil {
		t.Fatal(err)
	}
	store := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	if err := store.Add(trimmed); err != nil {
		t.Fatal(err)
	}
	return workload.Source{
		Client: kubefake.NewClientset(at.Deployment("front"), at.Deployment("back")), Cached: appslisters.NewDeploymentLister(store),
	}
}

func TestSourceAsksItsCacheFirst(t *testing.T) {
	ctx, s := memo.WithMemo(t.Context()), source(t)
	for _, test := range []struct {
		name    string
		source  workload.Source
		image   string
		missing bool
		of      string
	}{
		{"in the cache", s, "example.com/app:0", false, "front"},
		{"not in the cache", s, "example.com/app:1", false, "back"},
		{"for a template that runs", s.Live(), "example.com/app:1", false, "front"},
		{"nowhere", s, "", true, "gone"},
	} {
		found, errs, err := test.source.Find(ctx, at.Namespace, at.Workload(test.of).Ref, field.NewPath("ref"))
		switch {
		case err != nil || (len(errs) > 0) != test.missing:
			t.Errorf("%s: %v, %v", test.name, errs, err)
		case !test.missing && found.Template.Spec.Containers[0].Image != test.image:
			t.Errorf("%s: %s", test.name, found.Template.Spec.Containers[0].Image)
		}
	}
}

func TestTrimKeepsWhatIsLookedAt(t *testing.T) {
	full := at.Deployment("front")
	full.UID, full.ResourceVersion, full.Labels = "u", "7", map[string]string{"a": "b"}
	full.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	got, err := workload.Trim(full)
	if err != nil {
		t.Fatal(err)
	}
	trimmed := got.(*appsv1.Deployment)
	if trimmed.Name != "front" || trimmed.Namespace != at.Namespace || trimmed.UID != "u" || trimmed.ResourceVersion != "7" ||
		len(trimmed.Spec.Template.Spec.Containers) != 1 || trimmed.Labels != nil || trimmed.ManagedFields != nil {
		t.Errorf("trimmed to %+v", trimmed)
	}
	tombstone := cache.DeletedFinalStateUnknown{Key: "shop/front"}
	if got, err := workload.Trim(tombstone); err != nil || got != any(tombstone) {
		t.Errorf("a tombstone became %v, error %v", got, err)
	}
}

// A live workload is changed only where the cluster can keep it whole.
func TestInPlaceTakesPolicies(t *testing.T) {
	for _, policies := range []bool{true, false} {
		client := kubefake.NewClientset(at.Deployment("front"))
		if policies {
			client.Resources = []*metav1.APIResourceList{{GroupVersion: "admissionregistration.k8s.io/v1", APIResources: []metav1.APIResource{{Name: "mutatingadmissionpolicies"}}}}
		}
		wanted := at.Workload("front")
		wanted.Strategy = replay.StrategyInPlace
		_, errs, err := workload.Source{Client: client}.Compile(t.Context(), workload.Place{Namespace: at.Namespace, ProxyImage: "proxy"}, &wanted, field.NewPath("spec"))
		if err != nil || (len(errs) == 0) != policies {
			t.Errorf("with policies %t: %v, error %v", policies, errs, err)
		}
		if !policies && (len(errs) != 1 || errs[0].Field != "spec.strategy" || !strings.Contains(errs[0].Detail, "1.36 on; use Clone")) {
			t.Errorf("it says %v", errs)
		}
	}
}

// A check looks at the namespace as its cache has it; a template that runs, and a check that is about to refuse, at what it is.
func TestNamespacesAreReadFromTheCacheForChecks(t *testing.T) {
	restricted := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: at.Namespace, Labels: map[string]string{injection.EnforceLabel: "restricted"}}}
	store := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	if err := store.Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: at.Namespace}}); err != nil {
		t.Fatal(err)
	}
	s := workload.Source{Client: kubefake.NewClientset(at.Deployment("front"), restricted), Namespaces: corelisters.NewNamespaceLister(store)}
	for _, test := range []struct {
		name     string
		source   workload.Source
		ctx      context.Context
		explicit bool
	}{
		{"a check", s, memo.WithMemo(t.Context()), false},
		{"a template", s.Live(), memo.WithMemo(t.Context()), true},
		{"without a memo", s, t.Context(), true},
	} {
		wanted := at.Workload("front")
		template, errs, err := test.source.Compile(test.ctx, workload.Place{Namespace: at.Namespace, ProxyImage: "proxy"}, &wanted, field.NewPath("spec"))
		if err != nil || len(errs) > 0 {
			t.Fatalf("%s: %v, %v", test.name, errs, err)
		}
		if explicit := template.Annotations[v1alpha1.AnnotationInterception] != ""; explicit != test.explicit {
			t.Errorf("%s: explicit %t", test.name, explicit)
		}
	}
}
