// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// census counts the objects in the caches by kind and phase when it is asked. A controller that does not lead has none.
type census struct {
	caches atomic.Pointer[caches]
}

var objectsDesc = prometheus.NewDesc("restage_controller_objects",
	"Objects by kind and phase: that of TrafficReplays; Ready, NotReady or Deleting for the others. Only the controller that leads counts them.",
	[]string{"kind", "phase"}, nil)

// Describe is of prometheus.Collector.
func (*census) Describe(out chan<- *prometheus.Desc) { out <- objectsDesc }

// Collect is of prometheus.Collector.
func (c *census) Collect(out chan<- prometheus.Metric) {
	caches := c.caches.Load()
	if caches == nil {
		return
	}
	group := caches.group()
	count(out, "TrafficCapture", group.TrafficCaptures().Lister(), func(o *v1alpha1.TrafficCapture) string { return readiness(o, o.Status.Conditions) })
	count(out, "TrafficSnapshot", group.TrafficSnapshots().Lister(), func(o *v1alpha1.TrafficSnapshot) string { return readiness(o, o.Status.Conditions) })
	count(out, "Environment", group.Environments().Lister(), func(o *v1alpha1.Environment) string { return readiness(o, o.Status.Conditions) })
	count(out, "TrafficReplay", group.TrafficReplays().Lister(), func(o *v1alpha1.TrafficReplay) string { return string(o.Status.Phase) })
}

func count[T any](out chan<- prometheus.Metric, kind string, lister interface {
	List(labels.Selector) ([]T, error)
}, phase func(T) string) {
	all, err := lister.List(labels.Everything())
	if err != nil {
		out <- prometheus.NewInvalidMetric(objectsDesc, err)
		return
	}
	counts := map[string]int{}
	for _, object := range all {
		counts[phase(object)]++
	}
	for phase, n := range counts {
		out <- prometheus.MustNewConstMetric(objectsDesc, prometheus.GaugeValue, float64(n), kind, phase)
	}
}

func readiness(object metav1.Object, conditions []metav1.Condition) string {
	switch {
	case object.GetDeletionTimestamp() != nil:
		return "Deleting"
	case meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady):
		return "Ready"
	}
	return "NotReady"
}
