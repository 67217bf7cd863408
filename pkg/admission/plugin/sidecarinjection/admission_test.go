// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package sidecarinjection

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kubefake "k8s.io/client-go/kubernetes/fake"

	at "github.com/restage-dev/restage/pkg/admission/admissiontest"
	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// newPlugin knows a workload front, one that cannot be isolated, and a class.
func newPlugin(t *testing.T) *Plugin {
	t.Helper()
	p := New()
	if p.ValidateInitialization() == nil {
		t.Error("a plugin without clients takes itself for complete")
	}
	class := at.Class("big", false)
	class.Spec.NodeSelector, class.Spec.ImagePullPolicy = map[string]string{"pool": "replay"}, corev1.PullNever
	p.SetReader(lookup.Reader{Client: fake.NewSimpleClientset(class)})
	p.SetWorkloads(workload.Source{Client: kubefake.NewClientset(at.Deployment("front"), at.Deployment("agent", func(spec *corev1.PodSpec) { spec.HostNetwork = true }))})
	p.SetProxyImage(at.ProxyImage)
	if err := p.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	return p
}

func environment(class, workload string) *replay.Environment {
	return &replay.Environment{ObjectMeta: at.Named("try"), Spec: replay.EnvironmentSpec{
		ClassName: class, Workloads: []replay.EnvironmentWorkload{at.Workload(workload)},
	}}
}

func TestTemplateIsCompiled(t *testing.T) {
	e := environment("big", "front")
	e.Spec.Workloads[0].Template = &corev1.PodTemplateSpec{Spec: corev1.PodSpec{HostNetwork: true}}
	e.Spec.Workloads[0].Containers = []replay.ContainerOverride{{Image: "example.com/app:2"}}
	p := newPlugin(t)
	if err := p.Admit(t.Context(), at.Create("Environment", e), nil); err != nil {
		t.Fatal(err)
	}
	template := e.Spec.Workloads[0].Template.DeepCopy()
	if template.Spec.HostNetwork || template.Spec.Containers[0].Image != "example.com/app:2" || template.Spec.NodeSelector["pool"] != "replay" ||
		template.Labels[v1alpha1.LabelEnvironment] != "try" {
		t.Errorf("template %+v", template)
	}
	proxy := template.Spec.InitContainers[1]
	if proxy.Name != wiring.ProxyContainerName || proxy.Image != at.ProxyImage || proxy.ImagePullPolicy != corev1.PullNever {
		t.Errorf("proxy %+v", proxy)
	}
	if err := p.Admit(t.Context(), at.Create("Environment", e), nil); err != nil {
		t.Fatal(err)
	}
	if again := e.Spec.Workloads[0].Template; len(again.Spec.InitContainers) != len(template.Spec.InitContainers) {
		t.Errorf("the second time it has the containers %v", again.Spec.InitContainers)
	}
}

// The class decides or, where it leaves it open, what Pod Security allows in the namespace.
func TestInterception(t *testing.T) {
	for _, test := range []struct {
		level string
		class v1alpha1.Interception
		want  string
	}{
		{"", "", ""}, {"privileged", v1alpha1.InterceptionAuto, ""}, {"restricted", v1alpha1.InterceptionAuto, "Explicit"}, {"baseline", "", "Explicit"},
		{"", v1alpha1.InterceptionExplicit, "Explicit"}, {"restricted", v1alpha1.InterceptionRedirect, ""},
	} {
		t.Run(test.level+" "+string(test.class), func(t *testing.T) {
			p := newPlugin(t)
			class := at.Class("chosen", false)
			class.Spec.Interception = test.class
			p.SetReader(lookup.Reader{Client: fake.NewSimpleClientset(class)})
			namespace := &corev1.Namespace{}
			namespace.Name, namespace.Labels = at.Namespace, map[string]string{injection.EnforceLabel: test.level}
			p.SetWorkloads(workload.Source{Client: kubefake.NewClientset(at.Deployment("front"), namespace)})
			e := environment("chosen", "front")
			if err := p.Admit(t.Context(), at.Create("Environment", e), nil); err != nil {
				t.Fatal(err)
			}
			template := e.Spec.Workloads[0].Template
			if got := template.Annotations[v1alpha1.AnnotationInterception]; got != test.want {
				t.Errorf("interception %q, want %q", got, test.want)
			}
			if capable := template.Spec.InitContainers[0].SecurityContext.Capabilities.Add; (len(capable) > 0) == (test.want != "") {
				t.Errorf("%q: the init container has the capabilities %v", test.want, capable)
			}
		})
	}
}

func TestNameIsGenerated(t *testing.T) {
	e := environment("", "front")
	e.Name, e.GenerateName = "", "env-"
	if err := newPlugin(t).Admit(t.Context(), at.Create("Environment", e), nil); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(e.Name, "env-") || e.Spec.Workloads[0].Template.Labels[v1alpha1.LabelEnvironment] != e.Name {
		t.Errorf("name %q, labels %v", e.Name, e.Spec.Workloads[0].Template.Labels)
	}
}

func TestWhatCannotBeCompiledIsRefused(t *testing.T) {
	for _, test := range []struct{ name, class, workload, want string }{
		{"class", "huge", "front", `spec.className: Not found: "huge"`},
		{"workload", "", "gone", `spec.workloads[0].ref.name: Not found: "gone"`},
		{"isolation", "", "agent", "spec.workloads[0].ref.name: Invalid value: \"agent\": the Deployment cannot be isolated"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := newPlugin(t).Admit(t.Context(), at.Create("Environment", environment(test.class, test.workload)), nil)
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v lacks %q", err, test.want)
			}
		})
	}
}

// Validation refuses what has no name or is of another kind, with a better error.
func TestUnfinishedWorkloadsAreLeftToValidation(t *testing.T) {
	e := environment("", "")
	e.Spec.Workloads = append(e.Spec.Workloads, at.Workload("front"))
	e.Spec.Workloads[1].Ref.Kind = "Gadget"
	if err := newPlugin(t).Admit(t.Context(), at.Create("Environment", e), nil); err != nil {
		t.Error(err)
	}
}
