// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//lint:file-ignore ST1003 defaulter-gen finds the functions by names of this form.

package v1alpha1

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Defaults of fields that are not given.
const (
	DefaultWorkloadAPIVersion = "apps/v1"
	DefaultWorkloadKind       = "Deployment"
	DefaultReplayTimeout      = 10 * time.Minute
	DefaultRequestTimeout     = 30 * time.Second
	DefaultSpeed              = "1"
	DefaultMissStatus         = int32(502)
)

// defaultHeaders are the response headers that are compared when a profile names none.
func defaultHeaders() []string {
	return []string{"Content-Type", "Location"}
}

// SetDefaults_WorkloadReference fills in the usual kind of workload, and the API version of a kind that is Kubernetes' own.
func SetDefaults_WorkloadReference(ref *WorkloadReference) {
	setDefault(&ref.Kind, DefaultWorkloadKind)
	setDefault(&ref.APIVersion, WorkloadAPIVersion(ref.Kind))
}

// SetDefaults_CaptureTLS leaves outbound connections as they are.
func SetDefaults_CaptureTLS(tls *CaptureTLS) {
	setDefault(&tls.Outbound, TLSPassThrough)
}

// SetDefaults_EnvironmentWorkload names the workload after the live one and clones it, unless it has claims.
func SetDefaults_EnvironmentWorkload(workload *EnvironmentWorkload) {
	setDefault(&workload.Name, workload.Ref.Name)
	setDefault(&workload.Strategy, StrategyClone)
	setDefault(&workload.Volumes, VolumesRefuse)
}

// SetDefaults_Environment fills in how dependencies are played.
func SetDefaults_Environment(environment *Environment) {
	defaultResponder(&environment.Spec.Responder)
}

// SetDefaults_EnvironmentClass fills in the pull policy and the interception.
func SetDefaults_EnvironmentClass(class *EnvironmentClass) {
	setDefault(&class.Spec.Interception, InterceptionAuto)
	setDefault(&class.Spec.ImagePullPolicy, corev1.PullIfNotPresent)
}

// SetDefaults_ReplayProfile fills in all settings.
func SetDefaults_ReplayProfile(profile *ReplayProfile) {
	defaultProfile(&profile.Spec)
}

// SetDefaults_TrafficReplay fills in everything but spec.profile: what is absent there is taken from the
// named profile, so it has to stay absent.
func SetDefaults_TrafficReplay(replay *TrafficReplay) {
	setDefault(&replay.Spec.Mode, ModeFull)
	setDefault(&replay.Spec.Cleanup, CleanupRestore)
	setDefaultPointer(&replay.Spec.Timeout, metav1.Duration{Duration: DefaultReplayTimeout})
}

func defaultProfile(profile *ReplayProfileSpec) {
	setDefault(&profile.Load.Pattern, LoadRecorded)
	setDefault(&profile.Load.Speed, DefaultSpeed)
	setDefaultPointer(&profile.Load.RequestTimeout, metav1.Duration{Duration: DefaultRequestTimeout})
	defaultResponder(&profile.Responder)
	if len(profile.Comparison.Headers) == 0 {
		profile.Comparison.Headers = defaultHeaders()
	}
	setDefaultPointer(&profile.Comparison.LearnNoise, true)
}

func defaultResponder(responder *ResponderProfile) {
	setDefault(&responder.OnMiss, MissFail)
	if responder.OnMiss == MissStatus {
		setDefaultPointer(&responder.MissStatus, DefaultMissStatus)
	}
	setDefault(&responder.Latency, LatencyRecorded)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func setDefaultPointer[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}
