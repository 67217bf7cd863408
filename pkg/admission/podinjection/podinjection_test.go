// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/informers"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/admission/fitting"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

const shop = "shop"

func capture(name string, ref v1alpha1.WorkloadReference) *v1alpha1.TrafficCapture {
	return &v1alpha1.TrafficCapture{ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: name}, Spec: v1alpha1.TrafficCaptureSpec{WorkloadRef: ref}}
}

func deployment(name string, annotations map[string]string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: name, Annotations: annotations}}
}

// podOf is the next pod of a Deployment, opted in.
func podOf(name string, changes ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: name + "-5d9-", Labels: map[string]string{"pod-template-hash": "5d9", v1alpha1.LabelInject: v1alpha1.InjectEnabled},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: name + "-5d9", Controller: ptr.To(true)}},
		},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: "migrate"}},
			Containers:     []corev1.Container{{Name: "app", Ports: []corev1.ContainerPort{{ContainerPort: 8080}}}},
		},
	}
	for _, change := range changes {
		change(pod)
	}
	return pod
}

// handler knows the captures, and namespace shop with labels.
func handler(t *testing.T, labels map[string]string, captures []runtime.Object, workloads ...runtime.Object) *Handler {
	t.Helper()
	kube := kubefake.NewClientset(append(workloads, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: shop, Labels: labels}})...)
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, metav1.Unversioned)
	return &Handler{
		Next: http.NotFoundHandler(), Serializer: serializer.NewCodecFactory(scheme),
		Injector: &Injector{
			Captures: fake.NewClientset(captures...), Workloads: workload.Client{Kube: kube}, Fitter: fitting.New(kube),
			// Empty: the namespace is one that was made a moment ago.
			Namespaces: informers.NewSharedInformerFactory(kube, 0).Core().V1().Namespaces().Lister(),
			Image:      "proxy:1", ImagePullPolicy: corev1.PullIfNotPresent, ImagePullSecrets: []string{"registry"}, Forwarder: "forwarder:4143",
		},
	}
}

func post(t *testing.T, h *Handler, caller user.Info, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, wiring.PodInjectionsPath+"?timeout=2s", bytes.NewReader(body))
	r = r.WithContext(request.WithUser(request.WithRequestInfo(r.Context(), &request.RequestInfo{}), caller))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var kubeAPIServer = &user.DefaultInfo{Name: user.APIServerUser, Groups: []string{user.AllAuthenticated, user.SystemPrivilegedGroup}}

func reviewOf(t *testing.T, raw []byte) []byte {
	t.Helper()
	body, err := json.Marshal(&admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "u-1", Namespace: shop, Operation: admissionv1.Create, Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
			Object: runtime.RawExtension{Raw: raw},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// ask returns the answer for a pod, and the pod as it is let in.
func ask(t *testing.T, h *Handler, pod *corev1.Pod) (*admissionv1.AdmissionResponse, *corev1.Pod) {
	t.Helper()
	raw, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	w := post(t, h, kubeAPIServer, reviewOf(t, raw))
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(w.Body.Bytes(), &review); err != nil || w.Code != http.StatusOK || review.Response == nil {
		t.Fatalf("%d, %v: %s", w.Code, err, w.Body)
	}
	if review.Response.UID != "u-1" || !review.Response.Allowed || review.Request != nil || review.Kind != "AdmissionReview" {
		t.Fatalf("the answer is %s", w.Body)
	}
	if review.Response.Patch == nil {
		return review.Response, pod
	}
	patch, err := jsonpatch.DecodePatch(review.Response.Patch)
	if err != nil {
		t.Fatal(err)
	}
	patched, err := patch.Apply(raw)
	if err != nil {
		t.Fatal(err)
	}
	changed := &corev1.Pod{}
	if err := json.Unmarshal(patched, changed); err != nil {
		t.Fatal(err)
	}
	return review.Response, changed
}

// Each pod is let in; those of captured workloads with what the template of the workload would have got.
func TestPodsAreLetIn(t *testing.T) {
	front := v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "front"}
	enabled := map[string]string{v1alpha1.AnnotationCaptureEnabled: "true"}
	for _, test := range []struct {
		name      string
		namespace map[string]string
		captures  []runtime.Object
		pod       *corev1.Pod
		want      outcome
		says      string
	}{
		{"captured", nil, []runtime.Object{capture("any", front)}, podOf("front"), injected, ""},
		{"annotated a moment ago", nil, nil, podOf("new"), injected, ""},
		{"annotated wrongly", nil, nil, podOf("wrong"), notCaptured, "no TrafficCapture records Deployment wrong"},
		{"of a kind of the same name", nil, []runtime.Object{capture("any", v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "front"})},
			podOf("front"), notCaptured, "no TrafficCapture records Deployment front"},
		{"not captured", nil, nil, podOf("front"), notCaptured, "no TrafficCapture records Deployment front"},
		{"not captured, in a namespace that is opted in", map[string]string{v1alpha1.LabelInject: v1alpha1.InjectEnabled}, nil,
			podOf("front", func(p *corev1.Pod) { delete(p.Labels, v1alpha1.LabelInject) }), notCaptured, ""},
		{"opted in by the namespace", map[string]string{v1alpha1.LabelInject: v1alpha1.InjectEnabled}, []runtime.Object{capture("any", front)},
			podOf("front", func(p *corev1.Pod) { delete(p.Labels, v1alpha1.LabelInject) }), injected, ""},
		{"opted out", map[string]string{v1alpha1.LabelInject: v1alpha1.InjectEnabled}, []runtime.Object{capture("any", front)},
			podOf("front", func(p *corev1.Pod) { p.Labels[v1alpha1.LabelInject] = v1alpha1.InjectDisabled }), untouched, ""},
		{"with a proxy", nil, []runtime.Object{capture("any", front)},
			podOf("front", func(p *corev1.Pod) { p.Spec.InitContainers[0].Name = wiring.ProxyContainerName }), untouched, ""},
		{"on the host's network", nil, []runtime.Object{capture("any", front)},
			podOf("front", func(p *corev1.Pod) { p.Spec.HostNetwork = true }), refused, "spec.hostNetwork"},
		{"under a pod security standard", map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}, []runtime.Object{capture("any", front)},
			podOf("front"), refused, "NET_ADMIN"},
		{"bare, without a name yet", nil, []runtime.Object{capture("any", front)},
			podOf("front", func(p *corev1.Pod) { p.OwnerReferences = nil }), notCaptured, "no TrafficCapture records Pod"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := handler(t, test.namespace, test.captures, deployment("front", nil), deployment("new", enabled),
				deployment("wrong", map[string]string{v1alpha1.AnnotationCaptureEnabled: "true", "capture.restage.dev/sample-percent": "lots"}))
			response, pod := ask(t, h, test.pod)
			if got := response.AuditAnnotations[outcomeKey]; got != string(test.want) {
				t.Errorf("the outcome is %s, want %s", got, test.want)
			}
			said := strings.Join(response.Warnings, "\n")
			if (said == "") != (test.says == "") || !strings.Contains(said, test.says) || response.AuditAnnotations[reasonKey] != said {
				t.Errorf("said %q, want %q", said, test.says)
			}
			if test.want != injected {
				return
			}
			template := corev1.PodTemplateSpec{Spec: *test.pod.Spec.DeepCopy()}
			injection.Capture(injection.CaptureOptions{
				Settings: wiring.NewCaptureSettings(workload.OwnerOf(test.pod).Name, []uint16{8080}), Forwarder: "forwarder:4143",
				Image: "proxy:1", ImagePullPolicy: corev1.PullIfNotPresent, ImagePullSecrets: []string{"registry"},
			}).AddTo(&template)
			got, _ := json.Marshal(pod.Spec)
			if want, _ := json.Marshal(template.Spec); string(got) != string(want) {
				t.Errorf("the pod is\n%s\nthe template would be\n%s", got, want)
			}
		})
	}
}

// What a namespace does not allow is not added, and the pod says why, beside whatever else it says.
func TestPodsFitTheirNamespace(t *testing.T) {
	front := capture("any", v1alpha1.WorkloadReference{Name: "front"})
	for _, test := range []struct {
		max     string // of memory
		want    outcome
		says    string
		limit   string
		because string
	}{
		{"1Gi", injected, "", "512Mi", ""},
		{"256Mi", injected, "", "256Mi", v1alpha1.AnnotationProxyResources},
		{"64Mi", refused, `LimitRange "small" does not allow`, "", v1alpha1.AnnotationProxyLeftOut},
	} {
		for _, annotations := range []map[string]string{nil, {"others.example/kept": "yes"}} {
			memory := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(test.max)}
			small := &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: shop, Name: "small"}, Spec: corev1.LimitRangeSpec{
				Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, Max: memory, Default: memory, DefaultRequest: memory}},
			}}
			asked := podOf("front", func(p *corev1.Pod) { p.Annotations = annotations })
			response, pod := ask(t, handler(t, nil, []runtime.Object{front}, small), asked)
			if got := response.AuditAnnotations[outcomeKey]; got != string(test.want) {
				t.Errorf("with %s the outcome is %s, want %s", test.max, got, test.want)
			}
			if said := strings.Join(response.Warnings, "\n"); (said == "") != (test.says == "") || !strings.Contains(said, test.says) {
				t.Errorf("with %s it is said %q", test.max, said)
			}
			limit := ""
			if injection.HasProxy(pod.Spec) {
				limit = pod.Spec.InitContainers[0].Resources.Limits.Memory().String()
			}
			wanted := len(annotations)
			if test.because != "" {
				wanted++
			}
			if limit != test.limit || len(pod.Annotations) != wanted || (pod.Annotations[test.because] == "") != (test.because == "") || pod.Annotations["others.example/kept"] != annotations["others.example/kept"] {
				t.Errorf("with %s the proxy may have %q, and the annotations are %v", test.max, limit, pod.Annotations)
			}
			pod.Annotations, asked.Annotations = nil, nil
			if test.want == refused && !equality.Semantic.DeepEqual(pod, asked) {
				t.Errorf("without the proxy the pod is %+v", pod)
			}
		}
	}
}

// What is wrong with us keeps no pod out.
func TestFailuresLetPodsIn(t *testing.T) {
	h := handler(t, nil, nil)
	for name, raw := range map[string]string{"no pod": `[]`, "a broken field": `{"spec":{"containers":"many"}}`} {
		w := post(t, h, kubeAPIServer, reviewOf(t, []byte(raw)))
		var review admissionv1.AdmissionReview
		if err := json.Unmarshal(w.Body.Bytes(), &review); err != nil || review.Response == nil || !review.Response.Allowed || review.Response.Patch != nil ||
			review.Response.AuditAnnotations[outcomeKey] != string(failed) || len(review.Response.Warnings) != 1 {
			t.Errorf("%s: %v: %s", name, err, w.Body)
		}
	}
}

// Nobody but kube-apiserver learns from us what a capture does to a pod, and nobody makes us read without end.
func TestWhoMayAsk(t *testing.T) {
	h := handler(t, nil, nil)
	good := reviewOf(t, []byte(`{}`))
	for _, test := range []struct {
		name   string
		caller user.Info
		body   []byte
		code   int
	}{
		{"kube-apiserver", kubeAPIServer, good, http.StatusOK},
		{"an administrator", &user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup}}, good, http.StatusForbidden},
		{"somebody of that name", &user.DefaultInfo{Name: user.APIServerUser, Groups: []string{user.AllAuthenticated}}, good, http.StatusForbidden},
		{"a review that is none", kubeAPIServer, []byte(`{"kind":"Pod"}`), http.StatusBadRequest},
		{"no JSON", kubeAPIServer, []byte(`{`), http.StatusBadRequest},
		{"too much", kubeAPIServer, bytes.Repeat([]byte(" "), maxReview+1), http.StatusRequestEntityTooLarge},
	} {
		if w := post(t, h, test.caller, test.body); w.Code != test.code {
			t.Errorf("%s: %d, want %d: %s", test.name, w.Code, test.code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/apis/other", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("another path is answered here: %d", w.Code)
	}
}

// A container that takes variables from a Secret may say there whom it trusts.
func TestTLSOfWhatIsNotKnownIsLeftAlone(t *testing.T) {
	front := capture("any", v1alpha1.WorkloadReference{Name: "front"})
	front.Spec.TLS = &v1alpha1.CaptureTLS{Outbound: v1alpha1.TLSIntercept}
	h := handler(t, nil, []runtime.Object{front})
	_, pod := ask(t, h, podOf("front"))
	if len(pod.Spec.Containers[0].Env) == 0 || len(pod.Spec.Containers[0].VolumeMounts) == 0 || len(pod.Spec.InitContainers[2].Env) == 0 {
		t.Error("the containers do not trust the proxy")
	}
	response, pod := ask(t, h, podOf("front", func(p *corev1.Pod) {
		p.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{}}}
	}))
	if len(response.Warnings) != 1 || !injection.HasProxy(pod.Spec) || len(pod.Spec.Containers[0].Env) > 0 {
		t.Errorf("warnings %q, container %+v", response.Warnings, pod.Spec.Containers[0])
	}
}
