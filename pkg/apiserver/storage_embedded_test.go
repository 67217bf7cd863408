// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apiserver/testserver"
)

// Of what users write and read nothing goes through etcd's socket, but for health checks and the like.
func TestEmbeddedEtcdIsCalledInProcess(t *testing.T) {
	server, err := testserver.Start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	const number = 100
	before := callsOfEtcd(t)
	classes := server.Client.ReplayV1alpha1().EnvironmentClasses()
	for i := range number {
		name := fmt.Sprintf("class-%d", i)
		if _, err := classes.Create(t.Context(), &v1alpha1.EnvironmentClass{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := classes.Get(t.Context(), name, metav1.GetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if calls := callsOfEtcd(t) - before; calls > number/2 {
		t.Errorf("%d writes and as many reads made %v calls over the socket", number, calls)
	}
}

// callsOfEtcd counts those that were made by gRPC.
func callsOfEtcd(t *testing.T) (calls float64) {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "etcd_server_client_requests_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			calls += metric.GetCounter().GetValue()
		}
		return calls
	}
	t.Fatal("etcd does not count its calls")
	return 0
}
