// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

// outcome is what became of a pod that kube-apiserver asked for.
type outcome string

const (
	injected    outcome = "Injected"
	untouched   outcome = "Untouched"   // it has a proxy, or is not opted in
	notCaptured outcome = "NotCaptured" // nothing records its workload
	refused     outcome = "Refused"     // it cannot be recorded
	failed      outcome = "Failed"      // we could not find out
)

var reviewed = metrics.NewCounterVec(&metrics.CounterOpts{
	Subsystem: "restage_apiserver", Name: "pod_injections_total", StabilityLevel: metrics.ALPHA,
	Help: "Pods that kube-apiserver asked for as they were made, by what became of them: Injected, Untouched, NotCaptured, Refused or Failed. All were let in.",
}, []string{"outcome"})

func init() {
	legacyregistry.MustRegister(reviewed)
	for _, o := range []outcome{injected, untouched, notCaptured, refused, failed} {
		reviewed.WithLabelValues(string(o)) // a rate over a counter that is not there yet is empty, and an alert on it silent
	}
}
