// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"encoding/json"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/capturespec"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/podinjection"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/kube"
)

// orders is how often the policies are made anew: kube-apiserver goes through them in an order that nobody knows, and that may be another then.
const orders = 4

// TestPodsAreLetInAsTheyGetTheProxy makes the pods of fits where a policy adds the proxy as they are made, with nothing alive of Restage: each is let in, with the proxy where
// nothing stands in its way, and without where it cannot be.
func TestPodsAreLetInAsTheyGetTheProxy(t *testing.T) {
	host, client := fittingHost(t)
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole}}
	if _, err := client.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	namespaces := map[string]string{}
	for _, test := range fits {
		namespaces[test.name] = test.namespace(host)
		captured := podOf(t, test.pod, test.container)
		patch := injection.Capture(injection.CaptureOptions{
			Settings: capturespec.Settings("made", v1alpha1.TrafficCaptureSpec{}, nil), Image: "proxy:1", ImagePullPolicy: corev1.PullIfNotPresent,
		})
		template := &corev1.PodTemplate{
			ObjectMeta: metav1.ObjectMeta{
				Name: podinjection.ParametersName("uid"), Annotations: map[string]string{v1alpha1.AnnotationInjectInto: "Pod/made"},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "TrafficCapture", Name: "made", UID: "uid", Controller: ptr.To(true)}},
			},
			Template: corev1.PodTemplateSpec{Spec: podinjection.Parameters(patch, captured.Spec.Containers, "proxy:1")},
		}
		if _, err := client.CoreV1().PodTemplates(namespaces[test.name]).Create(t.Context(), template, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	templates := factory.Core().V1().PodTemplates()
	templates.Informer()
	factory.StartWithContext(t.Context())
	factory.WaitForCacheSync(t.Context().Done())
	r := podinjection.Reconciler{
		Kube: client, Injection: wiring.InjectionPolicy, Image: "proxy:1", ImagePullPolicy: corev1.PullIfNotPresent,
		Templates: []coreinformers.PodTemplateInformer{templates}, Stays: func() (bool, error) { return true, nil },
	}
	for range orders {
		if err := podinjection.Remove(t.Context(), client); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Reconcile(t.Context(), types.NamespacedName{}); err != nil {
			t.Fatal(err)
		}
		for _, test := range fits {
			host.getsTheProxy(test, namespaces[test.name])
		}
	}
}

// getsTheProxy makes a pod that is opted in.
func (k kept) getsTheProxy(test fit, namespace string) {
	k.Helper()
	pod := podOf(k.T, test.pod, test.container)
	pod.Name, pod.Labels = "made", map[string]string{v1alpha1.LabelInject: v1alpha1.InjectEnabled}
	kube.Eventually(k.T, 30*time.Second, test.name+": a pod", func() (bool, string) {
		out, err := kube.Run(k.Context(), encoded(k.T, pod), "kubectl", "--kubeconfig", k.kubeconfig, "-n", namespace, "create", "--dry-run=server", "-o", "json", "-f", "-")
		if err != nil {
			return false, err.Error()
		}
		var got corev1.Pod
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			return false, err.Error()
		}
		said, proxied := got.Annotations[v1alpha1.AnnotationProxyLeftOut], injection.HasProxy(got.Spec)
		switch {
		case test.labels == "" && test.constraint == "" && !proxied, !proxied && said == "" && (test.labels == "" || test.labels == "privileged"):
			return false, "the policies are not known yet"
		case proxied && (test.want == "" || said != ""):
			return false, "it has the proxy, and " + said
		}
		return true, ""
	})
}
