// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apiserver"
	"github.com/restage-dev/restage/pkg/apiserver/testserver"
	"github.com/restage-dev/restage/pkg/wiring"
)

// What kube-apiserver asks of pods is answered where that is chosen, and to it alone. Nothing that goes through discovery, as garbage collection
// and the deletion of namespaces do, sees the resource.
func TestPodInjectionsAreHidden(t *testing.T) {
	o := apiserver.NewOptions()
	o.Injection = wiring.InjectionWebhook
	injecting, err := testserver.StartWith(t.Context(), o, nil, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := injecting.Stop(); err != nil {
			t.Error(err)
		}
	})
	if code := postReview(t, server.Config); code != http.StatusNotFound {
		t.Errorf("a server that adds nothing to pods answers %d", code)
	}
	if code := postReview(t, injecting.Config); code != http.StatusForbidden {
		t.Errorf("somebody who is not kube-apiserver gets %d", code)
	}
	resources, err := injecting.Client.Discovery().ServerResourcesForGroupVersion(v1alpha1.SchemeGroupVersion.String())
	if err != nil {
		t.Fatal(err)
	}
	for _, resource := range resources.APIResources {
		if strings.HasPrefix(resource.Name, wiring.PodInjections) {
			t.Errorf("%s are discovered", resource.Name)
		}
	}
}

func postReview(t *testing.T, config *rest.Config) int {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, config.Host+"/apis/"+v1alpha1.SchemeGroupVersion.String()+"/"+wiring.PodInjections,
		strings.NewReader(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u"}}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	return response.StatusCode
}
