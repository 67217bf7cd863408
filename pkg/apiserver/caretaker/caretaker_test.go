// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package caretaker

import (
	"slices"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubefake "k8s.io/client-go/kubernetes/fake"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregatorfake "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/fake"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
	"github.com/restage-dev/restage/pkg/wiring"
)

const ours = "restage-system"

var (
	now   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	going = &metav1.Time{Time: now}
)

func namespace(deleted *metav1.Time) runtime.Object {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ours, DeletionTimestamp: deleted}}
}

func deployment(name string, deleted *metav1.Time) runtime.Object {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: ours, Name: name, DeletionTimestamp: deleted}}
}

func newCaretaker(registeredIn string, host ...runtime.Object) *Caretaker {
	return &Caretaker{
		Host: kubefake.NewClientset(host...),
		Registrations: aggregatorfake.NewClientset(&apiregistrationv1.APIService{
			ObjectMeta: metav1.ObjectMeta{Name: registration, UID: "registration-uid"},
			Spec:       apiregistrationv1.APIServiceSpec{Service: &apiregistrationv1.ServiceReference{Namespace: registeredIn, Name: wiring.ServerDeployment}},
		}),
		Own: fake.NewClientset(), Namespace: ours, Clock: testingclock.NewFakeClock(now),
	}
}

// A server that is deleted takes its registration along; one that is restarted, or rolled out, or is not the registered one, does not.
func TestStepDown(t *testing.T) {
	for name, test := range map[string]struct {
		registeredIn string
		host         []runtime.Object
		gone         bool
	}{
		"restarted":                  {ours, []runtime.Object{namespace(nil), deployment(wiring.ServerDeployment, nil)}, false},
		"deployment deleted":         {ours, []runtime.Object{namespace(nil)}, true},
		"deployment being deleted":   {ours, []runtime.Object{namespace(nil), deployment(wiring.ServerDeployment, going)}, true},
		"namespace being deleted":    {ours, []runtime.Object{namespace(going), deployment(wiring.ServerDeployment, nil)}, true},
		"another one's registration": {"elsewhere", []runtime.Object{namespace(nil)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCaretaker(test.registeredIn, append(test.host, &admissionv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: wiring.PodInjection}})...)
			c.StepDown(t.Context())
			_, err := c.Host.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), wiring.PodInjection, metav1.GetOptions{})
			if gone := apierrors.IsNotFound(err); gone != test.gone {
				t.Errorf("the webhooks are gone is %v, error %v", gone, err)
			}
			_, err = c.Registrations.ApiregistrationV1().APIServices().Get(t.Context(), registration, metav1.GetOptions{})
			if gone := apierrors.IsNotFound(err); gone != test.gone {
				t.Errorf("gone is %v, error %v", gone, err)
			}
		})
	}
}

// Without a controller objects are let go of, but not while its Deployment is only replaced.
func TestWithoutController(t *testing.T) {
	c := newCaretaker(ours, namespace(nil), deployment(wiring.ServerDeployment, nil), deployment(wiring.ControllerDeployment, nil))
	clock := c.Clock.(*testingclock.FakeClock)
	held := metav1.ObjectMeta{Namespace: "shop", Name: "try", UID: "uid", Finalizers: []string{"replay.restage.dev/report", "others.example/finalizer"}}
	c.Own = fake.NewClientset(&v1alpha1.TrafficReplay{ObjectMeta: held}, &v1alpha1.TrafficCapture{ObjectMeta: held}, &v1alpha1.TrafficSnapshot{ObjectMeta: held})
	look := func() *v1alpha1.TrafficReplay {
		t.Helper()
		if err := c.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		replay, err := c.Own.ReplayV1alpha1().TrafficReplays("shop").Get(t.Context(), "try", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return replay
	}
	if replay := look(); len(replay.Finalizers) != 2 {
		t.Errorf("let go of with a controller: %v", replay.Finalizers)
	}
	if err := c.Host.AppsV1().Deployments(ours).Delete(t.Context(), wiring.ControllerDeployment, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	clock.Step(wiring.DeploymentAbsence / 2)
	if replay := look(); len(replay.Finalizers) != 2 {
		t.Errorf("let go of while the controller may come back: %v", replay.Finalizers)
	}
	clock.Step(wiring.DeploymentAbsence)
	replay := look()
	if !slices.Equal(replay.Finalizers, []string{"others.example/finalizer"}) {
		t.Errorf("the finalizers are %v", replay.Finalizers)
	}
	complete := meta.FindStatusCondition(replay.Status.Conditions, v1alpha1.ReplayComplete)
	if complete == nil || complete.Status != metav1.ConditionTrue || complete.Reason != v1alpha1.ReasonControllerRemoved || replay.Status.CompletionTime == nil {
		t.Errorf("the replay has not ended: %+v", replay.Status)
	}
	capture, err := c.Own.ReplayV1alpha1().TrafficCaptures("shop").Get(t.Context(), "try", metav1.GetOptions{})
	if err != nil || len(capture.Finalizers) != 1 {
		t.Errorf("the capture has finalizers %v, error %v", capture.Finalizers, err)
	}
}
