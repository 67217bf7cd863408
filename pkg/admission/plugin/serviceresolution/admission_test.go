// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package serviceresolution

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	kubefake "k8s.io/client-go/kubernetes/fake"

	at "github.com/restage-dev/restage/pkg/admission/admissiontest"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
)

// except allows everything but one verb on a resource.
type except string

func (e except) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if a.GetVerb()+" "+a.GetResource() == string(e) || a.GetNamespace() != at.Namespace || a.GetUser().GetName() != at.Caller {
		return authorizer.DecisionNoOpinion, "", nil
	}
	return authorizer.DecisionAllow, "", nil
}

// newPlugin knows a Service of one workload, and one of two.
func newPlugin(t *testing.T, denied string) *Plugin {
	t.Helper()
	p := New()
	if p.ValidateInitialization() == nil {
		t.Error("a plugin without clients takes itself for complete")
	}
	service := func(name, app string) *corev1.Service {
		return &corev1.Service{ObjectMeta: at.Named(name), Spec: corev1.ServiceSpec{Selector: map[string]string{"app": app}}}
	}
	front, one, two := at.Deployment("front"), at.Deployment("one"), at.Deployment("two")
	front.Spec.Template.Labels = map[string]string{"app": "front"}
	one.Spec.Template.Labels, two.Spec.Template.Labels = map[string]string{"app": "both"}, map[string]string{"app": "both"}
	p.SetWorkloads(workload.Source{Client: kubefake.NewClientset(front, one, two, service("web", "front"), service("both", "both"))})
	p.SetUnconditionalAuthorizer(except(denied))
	if err := p.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	return p
}

func serviceNamed(name string) replay.WorkloadReference {
	return replay.WorkloadReference{APIVersion: "v1", Kind: "Service", Name: name}
}

func TestTheWorkloadStandsInThePlaceOfTheService(t *testing.T) {
	p := newPlugin(t, "")
	capture := &replay.TrafficCapture{ObjectMeta: at.Named("c"), Spec: replay.TrafficCaptureSpec{WorkloadRef: serviceNamed("web")}}
	snapshot := &replay.TrafficSnapshot{ObjectMeta: at.Named("s"), Spec: replay.TrafficSnapshotSpec{WorkloadRef: serviceNamed("web")}}
	environment := &replay.Environment{ObjectMeta: at.Named("e"), Spec: replay.EnvironmentSpec{
		Workloads: []replay.EnvironmentWorkload{at.Workload("other"), {Name: "web", Ref: serviceNamed("web")}},
	}}
	run := &replay.TrafficReplay{ObjectMeta: at.Named("r"), Spec: replay.TrafficReplaySpec{Workloads: []replay.EnvironmentWorkload{{Name: "web", Ref: serviceNamed("web")}}}}
	for kind, object := range map[string]at.Object{"TrafficCapture": capture, "TrafficSnapshot": snapshot, "Environment": environment, "TrafficReplay": run} {
		if err := p.Admit(t.Context(), at.Create(kind, object), nil); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	want := at.Workload("front").Ref
	for kind, ref := range map[string]replay.WorkloadReference{
		"TrafficCapture": capture.Spec.WorkloadRef, "TrafficSnapshot": snapshot.Spec.WorkloadRef,
		"Environment": environment.Spec.Workloads[1].Ref, "TrafficReplay": run.Spec.Workloads[0].Ref,
	} {
		if ref != want {
			t.Errorf("%s refers to %+v", kind, ref)
		}
	}
	if environment.Spec.Workloads[0].Ref != at.Workload("other").Ref {
		t.Error("a reference to a workload was changed")
	}
}

// Whoever applies the same manifest again names the Service again, and changes nothing.
func TestAnUpdateIsResolvedToo(t *testing.T) {
	old := &replay.TrafficCapture{ObjectMeta: at.Named("c"), Spec: replay.TrafficCaptureSpec{WorkloadRef: at.Workload("front").Ref}}
	updated := &replay.TrafficCapture{ObjectMeta: at.Named("c"), Spec: replay.TrafficCaptureSpec{WorkloadRef: serviceNamed("web")}}
	if err := newPlugin(t, "").Admit(t.Context(), at.Update("TrafficCapture", updated, old), nil); err != nil || updated.Spec.WorkloadRef != old.Spec.WorkloadRef {
		t.Errorf("refers to %+v, error %v", updated.Spec.WorkloadRef, err)
	}
}

func TestWhatCannotBeResolvedIsRefused(t *testing.T) {
	for _, test := range []struct {
		service, denied, want string
		is                    func(error) bool
	}{
		{"both", "", "spec.workloadRef.name: Invalid value: \"both\": Service \"both\" selects the pods of several workloads; name one of them: Deployment one, Deployment two", apierrors.IsInvalid},
		{"gone", "", `spec.workloadRef.name: Not found: "gone"`, apierrors.IsInvalid},
		{"web", "get services", `user "dev" cannot get resource "services"`, apierrors.IsForbidden},
		{"web", "list pods", `user "dev" cannot list resource "pods"`, apierrors.IsForbidden},
	} {
		capture := &replay.TrafficCapture{ObjectMeta: at.Named("c"), Spec: replay.TrafficCaptureSpec{WorkloadRef: serviceNamed(test.service)}}
		err := newPlugin(t, test.denied).Admit(t.Context(), at.Create("TrafficCapture", capture), nil)
		if !test.is(err) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s without %q: %v, want %s", test.service, test.denied, err, test.want)
		}
	}
}
