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
	places atomic.Pointer[[]*caches] // of each namespace that is worked in, or of all as one
}

var objectsDesc = prometheus.NewDesc("restage_controller_objects",
	"Objects by kind and phase: that of TrafficReplays; Ready, NotReady or Deleting for the others. Only the controller that leads counts them.",
	[]string{"kind", "phase"}, nil)

// Describe is of prometheus.Collector.
func (*census) Describe(out chan<- *prometheus.Desc) { out <- objectsDesc }

// Collect is of prometheus.Collector.
func (c *census) Collect(out chan<- prometheus.Metric) {
	places := c.places.Load()
	if places == nil {
		return
	}
	counts := map[sort]int{}
	for _, caches := range *places {
		group := caches.group()
		for _, err := range []error{
			count(counts, "TrafficCapture", group.TrafficCaptures().Lister(), func(o *v1alpha1.TrafficCapture) string { return readiness(o, o.Status.Conditions) }),
			count(counts, "TrafficSnapshot", group.TrafficSnapshots().Lister(), func(o *v1alpha1.TrafficSnapshot) string { return readiness(o, o.Status.Conditions) }),
			count(counts, "Environment", group.Environments().Lister(), func(o *v1alpha1.Environment) string { return readiness(o, o.Status.Conditions) }),
			count(counts, "TrafficReplay", group.TrafficReplays().Lister(), func(o *v1alpha1.TrafficReplay) string { return string(o.Status.Phase) }),
		} {
			if err != nil {
				out <- prometheus.NewInvalidMetric(objectsDesc, err)
				return
			}
		}
	}
	for of, n := range counts {
		out <- prometheus.MustNewConstMetric(objectsDesc, prometheus.GaugeValue, float64(n), of.kind, of.phase)
	}
}

// sort is what is counted together.
type sort struct{ kind, phase string }

func count[T any](counts map[sort]int, kind string, lister interface {
	List(labels.Selector) ([]T, error)
}, phase func(T) string) error {
	all, err := lister.List(labels.Everything())
	for _, object := range all {
		counts[sort{kind, phase(object)}]++
	}
	return err
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
