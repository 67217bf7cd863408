// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package teardown

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/install"
)

const home = "restage-system"

func object(version, kind, namespace, name string, change ...func(*metav1.PartialObjectMetadata)) runtime.Object {
	o := &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: version, Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{v1alpha1.LabelPartOf: v1alpha1.PartOf}},
	}
	for _, c := range change {
		c(o)
	}
	return o
}

func owned(o *metav1.PartialObjectMetadata) {
	o.OwnerReferences = []metav1.OwnerReference{{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Environment", Name: "try"}}
}

func managed(o *metav1.PartialObjectMetadata) { o.Labels[v1alpha1.LabelManagedBy] = v1alpha1.ManagedBy }

// What was made goes, with the Secrets that may not be listed. What users have given the same label stays, as does what is at home.
func TestUndo(t *testing.T) {
	client := controllertest.Metadata(t,
		object("apps/v1", "Deployment", "shop", "try-front", owned),
		object("batch/v1", "Job", "shop", "try-generator", owned),
		object("v1", "ConfigMap", "shop", "try-link", owned),
		object("v1", "Secret", "shop", "try-link", owned),
		object("v1", "ConfigMap", "shop", "restage-forwarder-ca", managed),
		object("v1", "Secret", "shop", "restage-redaction", managed),
		object("v1", "Secret", "shop", "restage-tls-ca", managed),
		object("apps/v1", "Deployment", "shop", "ours", func(*metav1.PartialObjectMetadata) {}),
		object("v1", "ConfigMap", home, "restage-forwarder-ca", managed),
	)
	cluster := Cluster{Kube: controllertest.New(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}).Kube, Metadata: client, Home: home}
	if err := cluster.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, resource := range append(slices.Clone(made), secrets) {
		list, err := client.Resource(resource).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			left = append(left, item.Namespace+"/"+item.Name)
		}
	}
	if want := []string{"shop/ours", home + "/restage-forwarder-ca"}; !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v", left, want)
	}
}

// All that the manifests install outside of our namespace is known here.
func TestOutsideIsAllThatIsInstalled(t *testing.T) {
	objects, err := install.Render(install.Options{Namespaces: []string{"shop"}})
	if err != nil {
		t.Fatal(err)
	}
	all, err := install.Render(install.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range append(objects, all...) {
		if o.GetNamespace() == home || o.GetKind() == "Namespace" {
			continue
		}
		known := o.GetNamespace() == "shop" && o.GetKind() == "RoleBinding" && slices.Contains(bound, o.GetName())
		for _, kind := range outside {
			ours := strings.HasPrefix(kind.resource, strings.ToLower(o.GetKind())) && kind.namespace == o.GetNamespace()
			known = known || ours && slices.Contains(kind.names, o.GetName())
		}
		if !known {
			t.Errorf("%s %s/%s is installed and would be left behind", o.GetKind(), o.GetNamespace(), o.GetName())
		}
	}
}
