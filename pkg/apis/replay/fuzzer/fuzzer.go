// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package fuzzer makes random API objects of the kind that the server holds: with their defaults filled in.
package fuzzer

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// Funcs are the functions that fill in our types.
func Funcs(serializer.CodecFactory) []any {
	return []any{
		func(ref *replay.WorkloadReference, c randfill.Continue) {
			c.FillNoCustom(ref)
			orElse(&ref.APIVersion, "apps/v1")
			orElse(&ref.Kind, "Deployment")
		},
		func(tls *replay.CaptureTLS, c randfill.Continue) {
			c.FillNoCustom(tls)
			orElse(&tls.Outbound, replay.TLSPassThrough)
		},
		func(workload *replay.EnvironmentWorkload, c randfill.Continue) {
			c.FillNoCustom(workload)
			orElse(&workload.Name, workload.Ref.Name)
			orElse(&workload.Strategy, replay.StrategyClone)
			orElse(&workload.Volumes, replay.VolumesRefuse)
		},
		func(template *corev1.PodTemplateSpec, c randfill.Continue) {
			template.Labels = map[string]string{c.String(0): c.String(0)}
			template.Spec.Containers = []corev1.Container{{Name: c.String(0), Image: c.String(0)}}
		},
		func(variable *corev1.EnvVar, c randfill.Continue) {
			variable.Name, variable.Value = c.String(0), c.String(0)
		},
		func(environment *replay.Environment, c randfill.Continue) {
			c.FillNoCustom(environment)
			defaultResponder(&environment.Spec.Responder)
		},
		func(class *replay.EnvironmentClass, c randfill.Continue) {
			c.FillNoCustom(class)
			orElse(&class.Spec.ImagePullPolicy, corev1.PullIfNotPresent)
			orElse(&class.Spec.Interception, replay.InterceptionAuto)
		},
		func(profile *replay.ReplayProfile, c randfill.Continue) {
			c.FillNoCustom(profile)
			orElse(&profile.Spec.Load.Pattern, replay.LoadRecorded)
			orElse(&profile.Spec.Load.Speed, "1")
			orElse(&profile.Spec.Load.RequestTimeout, &metav1.Duration{Duration: 30 * time.Second})
			defaultResponder(&profile.Spec.Responder)
			if len(profile.Spec.Comparison.Headers) == 0 {
				profile.Spec.Comparison.Headers = []string{"Content-Type", "Location"}
			}
			learn := true
			orElse(&profile.Spec.Comparison.LearnNoise, &learn)
		},
		func(r *replay.TrafficReplay, c randfill.Continue) {
			c.FillNoCustom(r)
			orElse(&r.Spec.Mode, replay.ModeFull)
			orElse(&r.Spec.Cleanup, replay.CleanupRestore)
			orElse(&r.Spec.Timeout, &metav1.Duration{Duration: 10 * time.Minute})
		},
	}
}

func defaultResponder(responder *replay.ResponderProfile) {
	orElse(&responder.OnMiss, replay.MissFail)
	orElse(&responder.Latency, replay.LatencyRecorded)
}

func orElse[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
