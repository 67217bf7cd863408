// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	"maps"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/wiring"
)

// captured is what the pods of a workload get.
func captured() *corev1.PodTemplate {
	return &corev1.PodTemplate{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "restage-capture-uid", Annotations: map[string]string{v1alpha1.AnnotationInjectInto: "Deployment/front"},
			Labels: map[string]string{v1alpha1.LabelPartOf: v1alpha1.PartOf, v1alpha1.LabelComponent: v1alpha1.ComponentPodInjection},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "TrafficCapture", Name: "front", UID: "uid", Controller: ptr.To(true),
			}},
		},
		Template: small,
	}
}

// world is a cluster with our ClusterRole.
type world struct {
	*testing.T
	cluster *controllertest.Cluster
}

func (w world) reconcile(injection string, stays bool, namespaces ...string) {
	w.Helper()
	r := installed()
	r.Kube, r.Namespaces, r.Injection, r.Stays = w.cluster.Kube, namespaces, injection, func() (bool, error) { return stays, nil }
	r.Templates = []coreinformers.PodTemplateInformer{w.cluster.Caches(w.T).Kube.Core().V1().PodTemplates()}
	w.cluster.Injection = injection
	w.cluster.Acting(w.T, func() {
		if _, err := r.Reconcile(w.Context(), types.NamespacedName{}); err != nil {
			w.Fatal(err)
		}
	})
}

// expect looks for what there is, and whether the role owns it.
func (w world) expect(webhooks, policies, bindings int) {
	w.Helper()
	registrations := w.cluster.Kube.AdmissionregistrationV1()
	hooks, err := registrations.MutatingWebhookConfigurations().List(w.Context(), metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	rules, err := registrations.MutatingAdmissionPolicies().List(w.Context(), metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	bound, err := registrations.MutatingAdmissionPolicyBindings().List(w.Context(), metav1.ListOptions{})
	if err != nil {
		w.Fatal(err)
	}
	if len(hooks.Items) != webhooks || len(rules.Items) != policies || len(bound.Items) != bindings {
		w.Errorf("there are %d webhook configurations, %d policies and %d bindings; want %d, %d, %d",
			len(hooks.Items), len(rules.Items), len(bound.Items), webhooks, policies, bindings)
	}
	for i := range hooks.Items {
		w.owned(&hooks.Items[i])
	}
	for i := range rules.Items {
		w.owned(&rules.Items[i])
	}
	for i := range bound.Items {
		w.owned(&bound.Items[i])
	}
}

func (w world) owned(object metav1.Object) {
	w.Helper()
	owners := object.GetOwnerReferences()
	if len(owners) != 1 || owners[0].UID != "role-uid" || object.GetLabels()[v1alpha1.LabelPartOf] != v1alpha1.PartOf {
		w.Errorf("%s has the owners %v and the labels %v", object.GetName(), owners, object.GetLabels())
	}
}

// What is chosen is there, and nothing of another choice; and nothing when there is no server to stay.
func TestWhatIsChosenIsThere(t *testing.T) {
	w := world{t, controllertest.New(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}}, captured())}
	w.expect(0, 0, 0)
	for _, step := range []struct {
		injection                   string
		stays                       bool
		webhooks, policies, binding int
	}{
		{wiring.InjectionWebhook, true, 1, 0, 0},
		{wiring.InjectionWebhook, true, 1, 0, 0},
		{wiring.InjectionPolicy, true, 0, 3, 4},
		{wiring.InjectionPolicy, false, 0, 0, 0},
		{wiring.InjectionPolicy, true, 0, 3, 4},
		{wiring.InjectionWorkload, true, 0, 0, 0},
		{wiring.InjectionWebhook, true, 1, 0, 0},
		{wiring.InjectionWebhook, false, 0, 0, 0},
		{wiring.InjectionManual, true, 0, 0, 0},
	} {
		w.reconcile(step.injection, step.stays)
		w.expect(step.webhooks, step.policies, step.binding)
	}
	w.reconcile(wiring.InjectionWebhook, true)
	if err := Remove(t.Context(), w.cluster.Kube); err != nil {
		t.Fatal(err)
	}
	w.expect(0, 0, 0)
	if err := Remove(t.Context(), w.cluster.Kube); err != nil {
		t.Errorf("removing nothing: %v", err)
	}
}

// An installation in which nothing happens writes nothing, whatever is chosen; what somebody else has changed is put right.
func TestIdleWritesNothing(t *testing.T) {
	for _, injection := range wiring.Injections() {
		t.Run(injection, func(t *testing.T) {
			w := world{t, controllertest.New(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}}, captured())}
			w.reconcile(injection, true)
			if made := w.writes(func() { w.reconcile(injection, true) }); len(made) > 0 {
				t.Errorf("an idle installation makes %v", made)
			}
			if !wiring.AtCreation(injection) {
				return
			}
			w.meddle()
			if made := w.writes(func() { w.reconcile(injection, true) }); len(made) != 1 {
				t.Errorf("what was changed is put right by %v", made)
			}
			if made := w.writes(func() { w.reconcile(injection, true) }); len(made) > 0 {
				t.Errorf("afterwards an idle installation makes %v", made)
			}
			if made := w.writes(func() { w.reconcile(injection, false) }); len(made) == 0 {
				t.Error("nothing is taken down")
			}
			if made := w.writes(func() { w.reconcile(injection, false) }); len(made) > 0 {
				t.Errorf("what is down is taken down by %v", made)
			}
		})
	}
}

// writes are what f does to the cluster, which the manifests allow.
func (w world) writes(f func()) (made []string) {
	w.Helper()
	before := len(w.cluster.Kube.Actions())
	f()
	for _, action := range w.cluster.Kube.Actions()[before:] {
		if !slices.Contains([]string{"get", "list", "watch"}, action.GetVerb()) {
			made = append(made, action.GetVerb()+" "+action.GetResource().Resource)
		}
	}
	return made
}

// meddle has somebody else change what there is.
func (w world) meddle() {
	w.Helper()
	registrations := w.cluster.Kube.AdmissionregistrationV1()
	patch := []byte(`{"metadata":{"labels":{"app.kubernetes.io/part-of":"other"}}}`)
	_, err := registrations.MutatingWebhookConfigurations().Patch(w.Context(), wiring.PodInjection, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "other"})
	if apierrors.IsNotFound(err) {
		_, err = registrations.MutatingAdmissionPolicies().Patch(w.Context(), wiring.PodInjection, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "other"})
	}
	if err != nil {
		w.Fatal(err)
	}
}

// Neither webhook can keep a pod out, or reaches any that is not opted in.
func TestWebhooksAreHarmless(t *testing.T) {
	w := world{t, controllertest.New(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}})}
	w.reconcile(wiring.InjectionWebhook, true)
	configuration, err := w.cluster.Kube.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), wiring.PodInjection, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(configuration.Webhooks) != 2 {
		t.Fatalf("%d webhooks", len(configuration.Webhooks))
	}
	for _, webhook := range configuration.Webhooks {
		service := webhook.ClientConfig.Service
		if ptr.Deref(webhook.FailurePolicy, "") != admissionv1.Ignore || ptr.Deref(webhook.TimeoutSeconds, 0) > 2 ||
			ptr.Deref(webhook.SideEffects, "") != admissionv1.SideEffectClassNone || len(webhook.MatchConditions) != 1 {
			t.Errorf("%s: %+v", webhook.Name, webhook)
		}
		if service.Namespace != "default" || service.Name != "kubernetes" || ptr.Deref(service.Path, "") != "/apis/replay.restage.dev/v1alpha1/podinjections" ||
			len(webhook.ClientConfig.CABundle) > 0 {
			t.Errorf("%s leads to %+v", webhook.Name, webhook.ClientConfig)
		}
		for _, test := range []struct {
			namespace string
			of, pod   map[string]string
			reached   string
		}{
			{"shop", nil, nil, ""},
			{"shop", nil, map[string]string{v1alpha1.LabelInject: "enabled"}, "pods.capture.restage.dev"},
			{"shop", map[string]string{v1alpha1.LabelInject: "enabled"}, map[string]string{v1alpha1.LabelInject: "enabled"}, "pods.capture.restage.dev"},
			{"shop", map[string]string{v1alpha1.LabelInject: "enabled"}, nil, "namespaces.capture.restage.dev"},
			{"shop", map[string]string{v1alpha1.LabelInject: "enabled"}, map[string]string{v1alpha1.LabelInject: "disabled"}, ""},
			{"shop", map[string]string{v1alpha1.LabelInject: "enabled"}, map[string]string{v1alpha1.LabelPartOf: v1alpha1.PartOf}, ""},
			{"kube-system", map[string]string{v1alpha1.LabelInject: "enabled"}, map[string]string{v1alpha1.LabelInject: "enabled"}, ""},
			{"restage-system", nil, map[string]string{v1alpha1.LabelInject: "enabled"}, ""},
		} {
			of := map[string]string{"kubernetes.io/metadata.name": test.namespace}
			maps.Copy(of, test.of)
			reached := selects(t, webhook.NamespaceSelector, of) && selects(t, webhook.ObjectSelector, test.pod)
			if reached != (webhook.Name == test.reached) {
				t.Errorf("%s reaches a pod with %v in %s with %v: %t", webhook.Name, test.pod, test.namespace, test.of, reached)
			}
		}
	}

	w.reconcile(wiring.InjectionWebhook, true, "shop", "billing")
	configuration, err = w.cluster.Kube.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), wiring.PodInjection, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, webhook := range configuration.Webhooks {
		if selects(t, webhook.NamespaceSelector, map[string]string{"kubernetes.io/metadata.name": "other", v1alpha1.LabelInject: "enabled"}) {
			t.Errorf("%s reaches a namespace that we do not work with", webhook.Name)
		}
	}
}

func selects(t *testing.T, selector *metav1.LabelSelector, values map[string]string) bool {
	t.Helper()
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Matches(labels.Set(values))
}

// Until it is known what pods get, in all namespaces, what they have got stays. Without an API server to stay it goes.
func TestPolicyWaitsForTemplates(t *testing.T) {
	w := world{t, controllertest.New(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}}, captured())}
	w.reconcile(wiring.InjectionPolicy, true)
	w.expect(0, 3, 4)
	r, stays := installed(), true
	r.Kube, r.Injection, r.Stays = w.cluster.Kube, wiring.InjectionPolicy, func() (bool, error) { return stays, nil }
	r.Templates = []coreinformers.PodTemplateInformer{informers.NewSharedInformerFactory(w.cluster.Kube, 0).Core().V1().PodTemplates()}
	for _, there := range [][2]int{{3, 4}, {0, 0}} {
		again, err := r.Reconcile(t.Context(), types.NamespacedName{})
		if err != nil || stays && again != syncing {
			t.Errorf("again in %v, error %v", again, err)
		}
		w.expect(0, there[0], there[1])
		stays = false
	}
}

// A cluster that does not know the policy is told so, and what to do.
func TestPolicyOnAnOlderCluster(t *testing.T) {
	cluster := controllertest.New(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}}, captured())
	cluster.Kube.PrependReactor("*", "mutatingadmissionpolicies", notServed)
	cluster.Kube.PrependReactor("*", "mutatingadmissionpolicybindings", notServed)
	r := installed()
	r.Kube, r.Injection, r.Stays = cluster.Kube, wiring.InjectionPolicy, func() (bool, error) { return true, nil }
	r.Templates = []coreinformers.PodTemplateInformer{cluster.Caches(t).Kube.Core().V1().PodTemplates()}
	_, err := r.Reconcile(t.Context(), types.NamespacedName{})
	if err == nil || !strings.Contains(err.Error(), "1.36") || !strings.Contains(err.Error(), "--injection=webhook") {
		t.Errorf("the error is %v", err)
	}
	r.Injection = wiring.InjectionWebhook
	if _, err := r.Reconcile(t.Context(), types.NamespacedName{}); err != nil {
		t.Errorf("what a former policy left cannot be looked for: %v", err)
	}
}

func notServed(action clienttesting.Action) (bool, runtime.Object, error) {
	return true, nil, apierrors.NewNotFound(action.GetResource().GroupResource(), "")
}
