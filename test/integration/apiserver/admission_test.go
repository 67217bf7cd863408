// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
)

var dryRun = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}

func TestDefaults(t *testing.T) {
	ctx := t.Context()
	snapshot := createSnapshot(t, "defaults")
	replay := newReplay("defaults", snapshot)
	replay.Spec.Profile = &v1alpha1.ReplayProfileSpec{}
	replay = createReplay(t, replay)
	spec := replay.Spec
	if spec.Mode != v1alpha1.ModeFull || spec.Cleanup != v1alpha1.CleanupRestore || spec.Timeout.Duration != 10*time.Minute {
		t.Errorf("replay %+v", spec)
	}
	if spec.Profile.Load.Speed != "" || spec.Profile.Responder.OnMiss != "" || spec.Profile.Comparison.LearnNoise != nil {
		t.Errorf("the inline profile was filled in, which hides the named one: %+v", spec.Profile)
	}
	profile, err := client().ReplayProfiles(namespace).Create(ctx, newProfile("defaults"), dryRun)
	if err != nil {
		t.Fatal(err)
	}
	if p := profile.Spec; p.Load.Speed != "1" || p.Load.RequestTimeout.Duration != 30*time.Second || p.Responder.OnMiss != v1alpha1.MissFail ||
		p.Responder.Latency != v1alpha1.LatencyRecorded || !*p.Comparison.LearnNoise || len(p.Comparison.Headers) != 2 {
		t.Errorf("profile %+v", p)
	}
	missing := newProfile("status")
	missing.Spec.Responder.OnMiss = v1alpha1.MissStatus
	missing, err = client().ReplayProfiles(namespace).Create(ctx, missing, dryRun)
	if err != nil || *missing.Spec.Responder.MissStatus != 502 {
		t.Errorf("miss status of %+v, error %v", missing, err)
	}
	capture, err := client().TrafficCaptures(namespace).Create(ctx, newCapture("defaults"), dryRun)
	if err != nil || capture.Spec.WorkloadRef.Kind != "Deployment" || capture.Spec.WorkloadRef.APIVersion != "apps/v1" {
		t.Errorf("capture %+v, error %v", capture, err)
	}
}

// A dry run shows the pod template that will run and leaves nothing behind.
func TestDryRunShowsTheTemplate(t *testing.T) {
	ctx, c := t.Context(), client().Environments(namespace)
	class := newClass("small")
	class.Spec.ProxyResources.Requests = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("48Mi")}
	class.Spec.NodeSelector = map[string]string{"pool": "replay"}
	class.Spec.ImagePullPolicy = corev1.PullNever
	createClass(t, class)

	environment := newEnvironment("shown", createSnapshot(t, "shown"))
	environment.Spec.ClassName = "small"
	environment.Spec.Workloads[0].Template = &corev1.PodTemplateSpec{Spec: corev1.PodSpec{HostNetwork: true}}
	environment.Spec.Workloads[0].Containers = []v1alpha1.ContainerOverride{{
		Image: "example.com/app:2", Env: []corev1.EnvVar{{Name: "MESSAGE", Value: "changed"}, {Name: "NEW", Value: "1"}},
	}}
	shown, err := c.Create(ctx, environment, dryRun)
	if err != nil {
		t.Fatal(err)
	}
	workload := shown.Spec.Workloads[0]
	template := workload.Template
	if workload.Name != "front" || workload.Containers[0].Name != "app" {
		t.Errorf("workload %q with override of %q", workload.Name, workload.Containers[0].Name)
	}
	if template == nil || template.Spec.HostNetwork {
		t.Fatalf("the user's template was kept: %+v", template)
	}
	app := template.Spec.Containers[0]
	if app.Image != "example.com/app:2" || app.Env[0].Value != "changed" || app.Env[1].Name != "NEW" {
		t.Errorf("the override gave %+v", app)
	}
	proxy := template.Spec.InitContainers[1]
	if proxy.Name != wiring.ProxyContainerName || proxy.Image != "restage/proxy:test" || proxy.ImagePullPolicy != corev1.PullNever ||
		proxy.Resources.Requests.Memory().String() != "48Mi" || template.Spec.NodeSelector["pool"] != "replay" {
		t.Errorf("proxy %+v on %v", proxy, template.Spec.NodeSelector)
	}
	if template.Labels[v1alpha1.LabelEnvironment] != "shown" || template.Labels["app"] != "" {
		t.Errorf("labels %v", template.Labels)
	}
	if _, err := c.Get(ctx, "shown", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the dry run left an environment: %v", err)
	}
	live, err := server.Host.AppsV1().Deployments(namespace).Get(ctx, "front", metav1.GetOptions{})
	if err != nil || live.Spec.Template.Spec.Containers[0].Image != "example.com/app:1" {
		t.Errorf("the live workload is %+v, error %v", live, err)
	}
}

func TestGeneratedNameIsInTheTemplate(t *testing.T) {
	environment := newEnvironment("", createSnapshot(t, "generated"))
	environment.GenerateName = "env-"
	created, err := client().Environments(namespace).Create(t.Context(), environment, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	deleteLater(t, created.Name, client().Environments(namespace).Delete)
	if label := created.Spec.Workloads[0].Template.Labels[v1alpha1.LabelEnvironment]; !strings.HasPrefix(created.Name, "env-") || label != created.Name {
		t.Errorf("name %q, label %q", created.Name, label)
	}
}

func TestDefaultClassIsTheNewest(t *testing.T) {
	snapshot := createSnapshot(t, "classes")
	create := func() string {
		t.Helper()
		created, err := client().Environments(namespace).Create(t.Context(), newEnvironment("classes", snapshot), dryRun)
		if err != nil {
			t.Fatal(err)
		}
		return created.Spec.ClassName
	}
	createClass(t, newClass("not-default"))
	if name := create(); name != "" {
		t.Errorf("without a default class the environment got %q", name)
	}
	for _, name := range []string{"b-first", "a-first"} {
		class := newClass(name)
		class.Annotations = map[string]string{v1alpha1.AnnotationDefaultClass: "true"}
		createClass(t, class)
	}
	// Creation times count in seconds; of the same second the first by name is taken.
	first, err := client().EnvironmentClasses().Get(t.Context(), "b-first", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := client().EnvironmentClasses().Get(t.Context(), "a-first", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if first.CreationTimestamp.After(second.CreationTimestamp.Time) {
		t.Fatal("the clock went back")
	}
	if name := create(); name != "a-first" {
		t.Errorf("of two default classes %q was taken", name)
	}
}

// TestDefaultClassIsKnownAtOnce: a class and an environment that are created in one breath, as kubectl apply does with a file of both.
func TestDefaultClassIsKnownAtOnce(t *testing.T) {
	snapshot := createSnapshot(t, "breath")
	create := func() string {
		t.Helper()
		created, err := client().Environments(namespace).Create(t.Context(), newEnvironment("breath", snapshot), dryRun)
		if err != nil {
			t.Fatal(err)
		}
		return created.Spec.ClassName
	}
	for range 20 {
		class := newClass("breath")
		class.Annotations = map[string]string{v1alpha1.AnnotationDefaultClass: "true"}
		if _, err := client().EnvironmentClasses().Create(t.Context(), class, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if name := create(); name != "breath" {
			t.Errorf("just after the default class was made %q was taken", name)
		}
		if err := client().EnvironmentClasses().Delete(t.Context(), "breath", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if name := create(); name != "" {
			t.Errorf("just after the default class was deleted %q was taken", name)
		}
	}
}

func TestReferencesOfAReplayThatExistAreAccepted(t *testing.T) {
	ctx := t.Context()
	snapshot := createSnapshot(t, "accepted")
	makeReady(t, snapshot,
		v1alpha1.Slice{Key: "front:9898", Direction: v1alpha1.DirectionInbound},
		v1alpha1.Slice{Key: "back:9898", Direction: v1alpha1.DirectionOutbound})
	for name, change := range map[string]func(*v1alpha1.TrafficReplaySpec){
		"parts of keys": func(s *v1alpha1.TrafficReplaySpec) {
			s.Workloads = []v1alpha1.EnvironmentWorkload{{
				Ref: v1alpha1.WorkloadReference{Name: "front"}, Tests: []string{"front"}, Mocks: []string{"*"},
			}}
		},
		"one of several containers": func(s *v1alpha1.TrafficReplaySpec) {
			s.Workloads = []v1alpha1.EnvironmentWorkload{{
				Ref: v1alpha1.WorkloadReference{Name: "pair"}, Containers: []v1alpha1.ContainerOverride{{Name: "two", Image: "x"}},
			}}
		},
		"target": func(s *v1alpha1.TrafficReplaySpec) {
			s.Mode, s.Target = v1alpha1.ModeLoadOnly, &v1alpha1.ReplayTarget{URL: "http://staging.example.com:8080"}
		},
		"status through the named profile": func(s *v1alpha1.TrafficReplaySpec) {
			status := int32(503)
			s.Profile = &v1alpha1.ReplayProfileSpec{Responder: v1alpha1.ResponderProfile{MissStatus: &status}}
		},
	} {
		replay := newReplay("accepted", snapshot)
		change(&replay.Spec)
		if _, err := client().TrafficReplays(namespace).Create(ctx, replay, dryRun); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
