// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/restage-dev/restage/pkg/admission/fitting"
	admission "github.com/restage-dev/restage/pkg/admission/podinjection"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/podinjection"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
	"github.com/restage-dev/restage/test/kube"
)

// TestPodsAreLetInByTheWebhook makes the pods of fits where the webhook adds the proxy as they are made: each is let in, with the proxy as it would be by the policies,
// of which a kube-apiserver before Kubernetes 1.36 knows nothing.
func TestPodsAreLetInByTheWebhook(t *testing.T) {
	kubeconfig := withoutFrontProxy(t)
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	host := kept{T: t, kubeconfig: kubeconfig}
	host.kubectl(heavy, "apply", "-f", "-")
	client, captures := kubernetes.NewForConfigOrDie(config), fake.NewClientset()
	askWebhook(host, client, captures)
	for _, test := range fits {
		t.Run(test.name, func(t *testing.T) {
			k := kept{T: t, kubeconfig: kubeconfig}
			namespace := test.namespace(k)
			capture := &v1alpha1.TrafficCapture{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "made"},
				Spec:       v1alpha1.TrafficCaptureSpec{WorkloadRef: v1alpha1.WorkloadReference{APIVersion: "v1", Kind: "Pod", Name: "made"}},
			}
			if _, err := captures.ReplayV1alpha1().TrafficCaptures(namespace).Create(t.Context(), capture, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			pod := podOf(t, test.pod, test.container)
			pod.Name, pod.Labels = "made", map[string]string{v1alpha1.LabelInject: v1alpha1.InjectEnabled}
			var got corev1.Pod
			if err := json.Unmarshal([]byte(k.kubectl(encoded(t, pod), "create", "-n", namespace, "-o", "json", "-f", "-")), &got); err != nil {
				t.Fatal(err)
			}
			if asks := proxyOf(got); asks != test.want {
				t.Errorf("the proxy asks for %q, wanted is %q; annotations %v", asks, test.want, got.Annotations)
			}
			if said := got.Annotations[v1alpha1.AnnotationProxyLeftOut]; (said == "") != (test.want != "" || test.labels != "") {
				t.Errorf("it is said that it is left out: %q", said)
			}
			if diff := diffOfPods(pod.Spec, got.Spec); test.want == "" && diff != "" {
				t.Errorf("without the proxy the pod is not as its owner has it: %s", diff)
			}
		})
	}
}

// askWebhook has kube-apiserver ask an injector of this process, by the configuration that the controller makes but for where it leads.
func askWebhook(host kept, client kubernetes.Interface, captures *fake.Clientset) {
	host.Helper()
	handler := &admission.Handler{
		Next: http.NotFoundHandler(), Serializer: scheme.Codecs,
		Injector: &admission.Injector{
			Captures: captures, Workloads: workload.Client{Kube: client}, Fitter: fitting.New(client),
			Namespaces: informers.NewSharedInformerFactory(client, 0).Core().V1().Namespaces().Lister(), // empty, so that they are read
			Image:      "proxy:1", ImagePullPolicy: corev1.PullIfNotPresent, Forwarder: "forwarder:4143",
		},
	}
	var asked atomic.Bool
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := &user.DefaultInfo{Name: user.APIServerUser, Groups: []string{user.SystemPrivilegedGroup}} // as the front proxy says
		handler.ServeHTTP(w, r.WithContext(request.WithUser(r.Context(), caller)))
		asked.Store(true)
	}))
	host.Cleanup(server.Close)
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole}}
	if _, err := client.RbacV1().ClusterRoles().Create(host.Context(), role, metav1.CreateOptions{}); err != nil {
		host.Fatal(err)
	}
	r := podinjection.Reconciler{Kube: client, Home: system, Injection: wiring.InjectionWebhook, Stays: func() (bool, error) { return true, nil }}
	if _, err := r.Reconcile(host.Context(), types.NamespacedName{}); err != nil {
		host.Fatal(err)
	}
	configurations := client.AdmissionregistrationV1().MutatingWebhookConfigurations()
	leading, err := configurations.Get(host.Context(), wiring.PodInjection, metav1.GetOptions{})
	if err != nil {
		host.Fatal(err)
	}
	url := server.URL + wiring.PodInjectionsPath
	for i := range leading.Webhooks {
		to := &leading.Webhooks[i].ClientConfig
		to.Service, to.URL = nil, &url
		to.CABundle = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	}
	if _, err := configurations.Update(host.Context(), leading, metav1.UpdateOptions{}); err != nil {
		host.Fatal(err)
	}
	kube.Eventually(host.T, 30*time.Second, "the webhook to be asked", func() (bool, string) {
		probe := podOf(host.T, "", silent)
		probe.Labels = map[string]string{v1alpha1.LabelInject: v1alpha1.InjectEnabled}
		_, err := client.CoreV1().Pods(metav1.NamespaceDefault).Create(host.Context(), &probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return asked.Load(), fmt.Sprint(err)
	})
}
