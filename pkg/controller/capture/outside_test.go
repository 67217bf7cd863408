// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
)

// label opts the template of the front in, as its owner does.
func (w *world) label(value string) {
	w.Helper()
	deployment := getDeployment(w.T, w.cluster, "front")
	deployment.Spec.Template.Labels = map[string]string{"app": "front", v1alpha1.LabelInject: value}
	if _, err := w.cluster.Kube.AppsV1().Deployments(shop).Update(w.Context(), deployment, metav1.UpdateOptions{}); err != nil {
		w.Fatal(err)
	}
}

// inject puts the proxy into a pod as it is made, with settings.
func (w *world) inject(name, settings string) {
	w.Helper()
	pod, err := w.cluster.Kube.CoreV1().Pods(shop).Get(w.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	pod.Spec.Containers = getDeployment(w.T, w.cluster, "front").Spec.Template.Spec.Containers
	pod.Spec.InitContainers = []corev1.Container{{Name: wiring.ProxyContainerName, Args: []string{"run", "--settings=" + settings}}}
	if _, err := w.cluster.Kube.CoreV1().Pods(shop).Update(w.Context(), pod, metav1.UpdateOptions{}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) parameters() []corev1.PodTemplate {
	w.Helper()
	list, err := w.cluster.Kube.CoreV1().PodTemplates(shop).List(w.Context(), metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return list.Items
}

// Where proxies are added to pods as they are made the workload stays as it is, and its owner is told what he has to do.
func TestInjectionAtCreation(t *testing.T) {
	for _, injection := range []string{wiring.InjectionWebhook, wiring.InjectionPolicy} {
		t.Run(injection, func(t *testing.T) {
			w := newWorld(t, nil)
			w.cluster.Injection = injection
			w.create("any")
			w.addPod("front-1", false)
			w.reconcile("any")
			w.expect("any", metav1.ConditionFalse, reasonNotInjected, "put the label capture.restage.dev/inject=enabled on its pod template, or on namespace "+shop)

			w.label(v1alpha1.InjectEnabled)
			w.reconcile("any")
			w.expect("any", metav1.ConditionFalse, reasonRestart, "0 of 1 pods run the recording proxy; 1 were made without it")
			w.expect("any", metav1.ConditionFalse, reasonRestart, fmt.Sprintf("kubectl -n %s rollout restart deployment/front", shop))

			if err := w.cluster.Kube.CoreV1().Pods(shop).Delete(t.Context(), "front-1", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			w.addPod("front-2", true)
			w.inject("front-2", wiring.NewCaptureSettings("front", []uint16{9898}).Argument())
			w.reconcile("any")
			w.expect("any", metav1.ConditionTrue, reasonRecording, "1 of 1 pods")
			w.rests("any")
			w.inject("front-2", wiring.NewCaptureSettings("front", []uint16{80}).Argument())
			w.reconcile("any")
			w.expect("any", metav1.ConditionFalse, reasonRestart, "1 run it with former settings")

			if now := getDeployment(t, w.cluster, "front"); w.hasProxy() || IsManaged(of(t, now)) || len(now.Annotations) > 0 {
				t.Error("the workload was changed")
			}
			w.checkParameters(injection == wiring.InjectionPolicy)
			w.label(v1alpha1.InjectDisabled)
			w.reconcile("any")
			w.expect("any", metav1.ConditionFalse, reasonNotInjected, "not opted in")
			if left := w.parameters(); len(left) > 0 {
				t.Errorf("pods that are opted out would get %s", left[0].Name)
			}
			w.rests("any")
			w.label(v1alpha1.InjectEnabled)
			w.reconcile("any")
			w.markDeleted("any")
			w.reconcile("any")
			if left := w.parameters(); len(left) > 0 || len(w.get("any").Finalizers) > 0 {
				t.Errorf("of the capture are left %d templates and the finalizers %v", len(left), w.get("any").Finalizers)
			}
		})
	}
}

// rests checks that a capture of which nothing has changed writes nothing that pods get.
func (w *world) rests(name string) {
	w.Helper()
	before := len(w.cluster.Kube.Actions())
	w.reconcile(name)
	for _, action := range w.cluster.Kube.Actions()[before:] {
		if action.GetResource().Resource == "podtemplates" && !slices.Contains([]string{"get", "list", "watch"}, action.GetVerb()) {
			w.Errorf("without a change it makes %s %s", action.GetVerb(), action.GetResource().Resource)
		}
	}
}

// Other webhooks may add containers to a pod before we are asked, or after. What those listen on, and take from Secrets, is not the workload's: a new pod
// would be no other.
func TestPodsWithContainersOfOthersAreUpToDate(t *testing.T) {
	settings := func(tls bool, ports ...uint16) wiring.CaptureSettings {
		s := wiring.NewCaptureSettings("front", ports)
		s.TLS.Outbound = tls
		return s
	}
	sampled := settings(true, 9898)
	sampled.SamplePercent = 50
	agent := corev1.Container{Name: "agent", Ports: []corev1.ContainerPort{{ContainerPort: 8200}}, EnvFrom: []corev1.EnvFromSource{{}}}
	mesh := corev1.Container{Name: "istio-proxy", Ports: []corev1.ContainerPort{{ContainerPort: 15090}}}
	for name, test := range map[string]struct {
		told  wiring.CaptureSettings
		other corev1.Container
		ok    bool
	}{
		"added after":               {settings(true, 9898), agent, true},
		"added before":              {settings(false, 8200, 9898), agent, true},
		"a mesh":                    {settings(true, 9898), mesh, true},
		"without a reason for it":   {settings(false, 9898), mesh, false},
		"without a port of its own": {settings(true, 8200), agent, false},
		"with a port of nobody":     {settings(true, 9898, 9999), agent, false},
		"otherwise different":       {sampled, agent, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.cluster.Injection = wiring.InjectionWebhook
			w.label(v1alpha1.InjectEnabled)
			w.create("any")
			capture := w.get("any")
			capture.Spec.TLS = &v1alpha1.CaptureTLS{Outbound: v1alpha1.TLSIntercept}
			if _, err := w.cluster.Replay.ReplayV1alpha1().TrafficCaptures(shop).Update(t.Context(), capture, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			w.addPod("front-1", true)
			w.inject("front-1", test.told.Argument())
			pod, err := w.cluster.Kube.CoreV1().Pods(shop).Get(t.Context(), "front-1", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			pod.Spec.Containers = append(pod.Spec.Containers, test.other)
			if _, err := w.cluster.Kube.CoreV1().Pods(shop).Update(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			w.reconcile("any")
			if test.ok {
				w.expect("any", metav1.ConditionTrue, reasonRecording, "1 of 1 pods")
			} else {
				w.expect("any", metav1.ConditionFalse, reasonRestart, "1 run it with former settings")
			}
		})
	}
}

// A capture goes, and its namespace with it, also when it cannot be found out which pods keep the proxy.
func TestEndWithoutFarewell(t *testing.T) {
	w := newWorld(t, nil)
	w.cluster.Injection = wiring.InjectionWebhook
	w.create("any")
	w.reconcile("any")
	w.markDeleted("any")
	w.cluster.Kube.PrependReactor("list", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		ofWorkload := !action.(clienttesting.ListAction).GetListRestrictions().Labels.Empty() // the test's cache wants all
		return ofWorkload, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no right"))
	})
	w.reconcile("any")
	if left := w.get("any").Finalizers; len(left) > 0 {
		t.Errorf("the capture stays for %v", left)
	}
}

// checkParameters looks for what the policy adds: a PodTemplate that belongs to the capture and names the workload.
func (w *world) checkParameters(wanted bool) {
	w.Helper()
	templates := w.parameters()
	if !wanted {
		if len(templates) > 0 {
			w.Errorf("there are %d PodTemplates", len(templates))
		}
		return
	}
	if len(templates) != 1 {
		w.Fatalf("there are %d PodTemplates", len(templates))
	}
	template := templates[0]
	var names []string
	for _, c := range template.Template.Spec.InitContainers {
		names = append(names, c.Name)
	}
	if template.Annotations[v1alpha1.AnnotationInjectInto] != "Deployment/front" || template.Labels[v1alpha1.LabelComponent] != v1alpha1.ComponentPodInjection ||
		template.Labels[v1alpha1.LabelPartOf] != v1alpha1.PartOf || !metav1.IsControlledBy(&template, w.get("any")) ||
		strings.Join(names, " ") != "restage-proxy restage-init" || len(template.Template.Spec.Containers) != 1 {
		w.Errorf("the PodTemplate is %+v", template)
	}
}
