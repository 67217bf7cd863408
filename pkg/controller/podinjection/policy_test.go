// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	"encoding/json"
	"fmt"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	admissionapply "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// plain is a pod of one container, as every pod has at least.
var plain = corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}}

func ownedBy(kind, name string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", GenerateName: name + "-", Labels: labels, OwnerReferences: []metav1.OwnerReference{
		{Kind: "Something", Name: "else"}, {Kind: kind, Name: name, Controller: ptr.To(true)},
	}}, Spec: plain}
}

func attributes(pod *corev1.Pod) *admission.VersionedAttributes {
	kind := corev1.SchemeGroupVersion.WithKind("Pod")
	a := admission.NewAttributesRecord(pod, nil, kind, pod.Namespace, pod.Name, corev1.SchemeGroupVersion.WithResource("pods"), "", admission.Create, &metav1.CreateOptions{}, false, nil)
	versioned := &admission.VersionedAttributes{Attributes: a, VersionedKind: kind}
	versioned.UpdateObject(pod)
	return versioned
}

func compiler(t *testing.T) *plugincel.CompositedCompiler {
	t.Helper()
	c, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var declared = plugincel.OptionalVariableDeclarations{HasAuthorizer: true}

// policyOf is the policy of one capture.
func policyOf(t *testing.T, template *corev1.PodTemplate) *admissionapply.MutatingAdmissionPolicySpecApplyConfiguration {
	t.Helper()
	whole := captured()
	whole.Annotations, whole.Template = template.Annotations, template.Template
	r := installed()
	additions := r.additions(t.Context(), []*corev1.PodTemplate{whole})
	if len(additions) != 1 {
		t.Fatal("the PodTemplate is left out")
	}
	return r.policy(metaapply.OwnerReference(), additions).Spec
}

// matches evaluates the conditions of the policy as kube-apiserver does.
func matches(t *testing.T, pod *corev1.Pod, params *corev1.PodTemplate) bool {
	t.Helper()
	var conditions []plugincel.ExpressionAccessor
	for _, condition := range policyOf(t, params).MatchConditions {
		conditions = append(conditions, &matchconditions.MatchCondition{Name: *condition.Name, Expression: *condition.Expression})
	}
	matcher := matchconditions.NewMatcher(compiler(t).CompileCondition(conditions, declared, environment.NewExpressions), nil, "policy", "validate", wiring.PodInjection)
	result := matcher.Match(t.Context(), attributes(pod), nil, nil)
	if result.Error != nil {
		t.Fatal(result.Error)
	}
	return result.Matches && injection.HasProxy(mutate(t, pod, params).Spec)
}

// small is what the tests of ownership look for.
var small = corev1.PodTemplateSpec{Spec: Parameters(recorded(injection.TLS{}), []corev1.Container{{Name: "app"}}, "proxy:1")}

// installed is the reconciler of an installation.
func installed() *Reconciler {
	return &Reconciler{Home: "restage-system", Image: "proxy:1", ImagePullPolicy: corev1.PullIfNotPresent, Forwarder: "forwarder:4143"}
}

// recorded is what the pods of a workload get.
func recorded(tls injection.TLS, secrets ...string) injection.Patch {
	return injection.Capture(injection.CaptureOptions{
		Settings: wiring.NewCaptureSettings("front", []uint16{8080}), TLS: tls, Forwarder: "forwarder:4143",
		Image: "proxy:1", ImagePullPolicy: corev1.PullIfNotPresent, ImagePullSecrets: secrets,
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}},
	})
}

// The policy knows whose pods are whose as workload.OwnerOf does.
func TestPolicyFindsTheWorkload(t *testing.T) {
	hashed := map[string]string{"pod-template-hash": "5d9"}
	bare := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "bare"}, Spec: plain}
	for _, pod := range []*corev1.Pod{
		ownedBy("ReplicaSet", "front-5d9", hashed),
		ownedBy("ReplicaSet", "front-back-5d9", hashed),
		ownedBy("ReplicaSet", "front", nil),
		ownedBy("ReplicaSet", "front-77", hashed),
		ownedBy("ReplicaSet", "canary-77", map[string]string{"rollouts-pod-template-hash": "77"}),
		ownedBy("StatefulSet", "db", nil),
		ownedBy("DaemonSet", "agent", nil),
		ownedBy("Job", "night-29312345", nil),
		ownedBy("Job", "once-2", nil),
		bare,
	} {
		owner := workload.OwnerOf(pod)
		if owner.Name == "" {
			t.Fatalf("%s has no owner", pod.GenerateName)
		}
		params := &corev1.PodTemplate{Template: small, ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationInjectInto: owner.Kind + "/" + owner.Name}}}
		if !matches(t, pod, params) {
			t.Errorf("a pod of %s %s is not found to be that", owner.Kind, owner.Name)
		}
		for _, other := range []string{"Deployment/fro", owner.Kind + "/" + owner.Name + "-x", "Other/" + owner.Name} {
			params.Annotations[v1alpha1.AnnotationInjectInto] = other
			if matches(t, pod, params) {
				t.Errorf("a pod of %s %s is taken for one of %s", owner.Kind, owner.Name, other)
			}
		}
	}
	params := paramsFor("Pod/bare")
	for name, change := range map[string]func(*corev1.Pod){
		"with a proxy":          func(p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{{Name: wiring.InitContainerName}} },
		"on the host's network": func(p *corev1.Pod) { p.Spec.HostNetwork = true },
		"of Windows":            func(p *corev1.Pod) { p.Spec.OS = &corev1.PodOS{Name: corev1.Windows} },
		"without a name":        func(p *corev1.Pod) { p.Name = "" },
		"of the proxy's user": func(p *corev1.Pod) {
			p.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr.To[int64](wiring.ProxyUID)}
		},
		"with a container of the proxy's user": func(p *corev1.Pod) { p.Spec.Containers = []corev1.Container{{Name: "app"}, runBy(wiring.ProxyUID)} },
		"with an init container of it":         func(p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{runBy(wiring.ProxyUID)} },
		"with a port of the proxy": func(p *corev1.Pod) {
			p.Spec.Containers = []corev1.Container{{Name: "app", Ports: []corev1.ContainerPort{{ContainerPort: 80}, {ContainerPort: wiring.ProxyAdminPort}}}}
		},
		"with a container of our name": func(p *corev1.Pod) { p.Spec.Containers = []corev1.Container{{Name: wiring.ProxyContainerName}} },
		"with a volume of our name":    func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{{Name: wiring.TrustVolume}} },
	} {
		pod := bare.DeepCopy()
		change(pod)
		if matches(t, pod, params) {
			t.Errorf("a pod %s is changed", name)
		}
	}
}

func paramsFor(workload string) *corev1.PodTemplate {
	return &corev1.PodTemplate{Template: small, ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationInjectInto: workload}}}
}

func runBy(uid int64) corev1.Container {
	return corev1.Container{Name: "by", SecurityContext: &corev1.SecurityContext{RunAsUser: &uid}}
}

// Pods that say much of users, ports and volumes are changed as long as none of it is the proxy's.
func TestPolicyTakesOtherUsers(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "bare"}, Spec: corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{RunAsUser: ptr.To[int64](1)}, InitContainers: []corev1.Container{runBy(2)},
		Containers: []corev1.Container{runBy(3), {Name: "app", SecurityContext: &corev1.SecurityContext{}, Ports: []corev1.ContainerPort{{ContainerPort: 80}}}},
		Volumes:    []corev1.Volume{{Name: "data"}},
	}}
	if !matches(t, pod, paramsFor("Pod/bare")) {
		t.Error("the pod is left alone")
	}
	pod.Spec.OS = &corev1.PodOS{Name: corev1.Linux}
	pod.Spec.SecurityContext.RunAsUser = nil
	if !matches(t, pod, paramsFor("Pod/bare")) {
		t.Error("a pod without a user is left alone")
	}
}

// A pod that Pod Security would refuse with the proxy is made without it, whenever its namespace was told so.
func TestPolicyHeedsPodSecurity(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "bare"}, Spec: plain}
	for _, labels := range []map[string]string{
		nil, {"a": "b"}, {injection.EnforceLabel: "privileged"}, {injection.EnforceLabel: "baseline"}, {injection.EnforceLabel: "restricted"}, {injection.EnforceLabel: "mistaken"},
		{"pod-security.kubernetes.io/warn": "restricted"},
	} {
		changed := injection.HasProxy(mutateIn(t, labels, pod.DeepCopy(), paramsFor("Pod/bare")).Spec)
		if wanted := injection.RefusingLevel(labels) == ""; changed != wanted {
			t.Errorf("with %v the pod is changed: %t", labels, changed)
		}
	}
}

// mutate evaluates the mutations of the policy as kube-apiserver does.
func mutate(t *testing.T, pod *corev1.Pod, params *corev1.PodTemplate) *corev1.Pod {
	t.Helper()
	return mutateIn(t, nil, pod, params)
}

// mutateIn does so in a namespace with labels.
func mutateIn(t *testing.T, labels map[string]string, pod *corev1.Pod, params *corev1.PodTemplate) *corev1.Pod {
	t.Helper()
	known := scheme.Scheme
	versioned := attributes(pod)
	for _, mutation := range policyOf(t, params).Mutations {
		options := declared
		options.HasPatchTypes = true
		compiled := compiler(t).CompileMutatingEvaluator(&patch.JSONPatchCondition{Expression: *mutation.JSONPatch.Expression}, options, environment.NewExpressions)
		changed, err := patch.NewJSONPatcher(compiled).Patch(t.Context(), patch.Request{
			MatchedResource: schema.GroupVersionResource{Version: "v1", Resource: "pods"}, VersionedAttributes: versioned,
			ObjectInterfaces: admission.NewObjectInterfacesFromScheme(known), Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: labels}},
		}, celconfig.RuntimeCELCostBudget)
		if err != nil {
			t.Fatalf("%v\nin %s", err, *mutation.JSONPatch.Expression)
		}
		versioned.UpdateObject(changed)
	}
	return versioned.VersionedObject.Object().(*corev1.Pod)
}

// A pod gets by the policy what its template would get of the same patch, with TLS and without.
func TestPolicyAddsWhatATemplateGets(t *testing.T) {
	full := corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "migrate", Image: "app:1", Env: []corev1.EnvVar{{Name: "A", Value: "b"}}}},
		Containers: []corev1.Container{
			{Name: "app", Image: "app:1", Env: []corev1.EnvVar{{Name: "SSL_CERT_FILE", Value: "/own"}}, VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}},
			{Name: "helper", Image: "helper:1", SecurityContext: &corev1.SecurityContext{RunAsUser: ptr.To[int64](7)}},
		},
		Volumes:          []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		ImagePullSecrets: []corev1.LocalObjectReference{{Name: "own"}},
	}
	cramped := *full.DeepCopy()
	cramped.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1m")}}
	many := make([]string, maxLists-5)
	for i := range many {
		many[i] = fmt.Sprintf("registry-%d", i)
	}
	for name, test := range map[string]struct {
		spec    corev1.PodSpec
		tls     injection.TLS
		secrets []string
		set     string // name of a descriptor set
	}{
		"plain":                    {spec: plain},
		"plain, with secrets":      {spec: plain, secrets: []string{"registry"}},
		"full":                     {spec: full, secrets: []string{"registry"}},
		"plain, with TLS":          {spec: plain, tls: injection.TLS{Outbound: true}},
		"plain, with types":        {spec: plain, set: "descriptors"},
		"full, with TLS":           {spec: full, tls: injection.TLS{Outbound: true, TrustedCAs: "cas"}},
		"full, with inbound TLS":   {spec: full, tls: injection.TLS{Inbound: "tls"}},
		"full, with client TLS":    {spec: full, tls: injection.TLS{Outbound: true, ClientCertificate: "client", Inbound: "tls"}},
		"plain, with many secrets": {spec: plain, secrets: many},
		"full, with its own, too":  {spec: full, secrets: []string{"own", "registry"}},
		"cramped":                  {spec: cramped},
		"cramped, with TLS":        {spec: cramped, tls: injection.TLS{Outbound: true}},
	} {
		t.Run(name, func(t *testing.T) {
			template := corev1.PodTemplateSpec{Spec: *test.spec.DeepCopy()}
			settings := wiring.NewCaptureSettings("front", []uint16{8080})
			settings.DescriptorSet = test.set
			added := injection.Capture(injection.CaptureOptions{
				Settings: settings, TLS: test.tls, Template: template, Forwarder: "forwarder:4143",
				Image: "proxy:1", ImagePullPolicy: corev1.PullIfNotPresent, ImagePullSecrets: test.secrets,
			})
			params := &corev1.PodTemplate{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationInjectInto: "Pod/front"}}, Template: corev1.PodTemplateSpec{Spec: Parameters(added, test.spec.Containers, "proxy:1")}}
			pod := mutate(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front"}, Spec: *test.spec.DeepCopy()}, params)
			patched := patchedBy(t, added, &corev1.Pod{Spec: *test.spec.DeepCopy()})
			if got, want := text(t, pod.Spec), text(t, patched.Spec); got != want {
				t.Errorf("the policy makes\n%s\nthe webhook\n%s", got, want)
			}
		})
	}
}

// patchedBy applies the same patch as the API server sends it.
func patchedBy(t *testing.T, added injection.Patch, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	raw := []byte(text(t, pod))
	data, err := json.Marshal(added.Operations(pod))
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(data)
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
	return changed
}

func text(t *testing.T, object any) string {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
