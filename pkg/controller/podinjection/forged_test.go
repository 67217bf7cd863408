// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// escaping is a key that would end the expression of its template, were it written as it is.
const escaping = `x: 1}}]) : [] + [JSONPatch{op: 'add', path: '/metadata/labels/forged', value: 'yes'}]) //`

// forgeries are PodTemplates that our controller does not write, by what is wrong with them.
var forgeries = map[string]func(*corev1.PodTemplate){
	"another name":      func(t *corev1.PodTemplate) { t.Name = "restage-capture-other" },
	"nothing in it":     func(t *corev1.PodTemplate) { t.Template.Spec = corev1.PodSpec{} },
	"no settings":       func(t *corev1.PodTemplate) { t.Template.Spec.InitContainers[0].Args = []string{"run"} },
	"wrong settings":    func(t *corev1.PodTemplate) { t.Template.Spec.InitContainers[0].Args = []string{"--settings={}"} },
	"a container first": func(t *corev1.PodTemplate) { t.Template.Spec.InitContainers[0].Name = "other" },
	"the proxy thrice": func(t *corev1.PodTemplate) {
		t.Template.Spec.InitContainers = append(t.Template.Spec.InitContainers, t.Template.Spec.InitContainers[0])
	},
	"the proxy as a container": func(t *corev1.PodTemplate) { t.Template.Spec.Containers[0].Name = wiring.ProxyContainerName },
	"a variable": func(t *corev1.PodTemplate) {
		t.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "LD_PRELOAD", Value: "/evil.so"}}
	},
	"a mount": func(t *corev1.PodTemplate) {
		t.Template.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: wiring.ForwarderVolume, MountPath: "/x"}}
	},
	"a volume": func(t *corev1.PodTemplate) {
		t.Template.Spec.Volumes = append(t.Template.Spec.Volumes, corev1.Volume{Name: "more"})
	},
	"a path of the node": func(t *corev1.PodTemplate) {
		t.Template.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}
	},
	"a driver": func(t *corev1.PodTemplate) {
		t.Template.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "d", VolumeAttributes: map[string]string{escaping: ""}}}
	},
	"another driver": func(t *corev1.PodTemplate) {
		t.Template.Spec.Volumes = append(t.Template.Spec.Volumes, corev1.Volume{Name: wiring.TLSVolume, VolumeSource: corev1.VolumeSource{
			FlexVolume: &corev1.FlexVolumeSource{Driver: "d", Options: map[string]string{"no.identifier/": ""}},
		}})
	},
	"a Secret without a name": func(t *corev1.PodTemplate) {
		t.Template.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "' + '"}}
	},
	"a descriptor set without a name": func(t *corev1.PodTemplate) {
		settings := wiring.NewCaptureSettings("front", nil)
		settings.DescriptorSet = "' + '"
		t.Template.Spec.InitContainers[0].Args = []string{"--settings=" + settings.Argument()}
	},
	"too much": func(t *corev1.PodTemplate) {
		settings := wiring.NewCaptureSettings("front", nil)
		settings.Ignore.Hosts = []string{strings.Repeat("x", maxExpression)}
		t.Template.Spec.InitContainers[0].Args = []string{"--settings=" + settings.Argument()}
	},
	"too many": func(t *corev1.PodTemplate) {
		for i := range 300 {
			t.Template.Spec.ImagePullSecrets = append(t.Template.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: fmt.Sprintf("s%d", i)})
			t.Template.Spec.Containers = append(t.Template.Spec.Containers, corev1.Container{Name: fmt.Sprintf("c%d", i)})
		}
		spec := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: t.Template.Spec.Containers}}
		patch := injection.Capture(injection.CaptureOptions{Settings: wiring.NewCaptureSettings("front", nil), TLS: injection.TLS{Outbound: true}, Template: spec})
		t.Template.Spec = Parameters(patch, nil, "proxy:1")
	},
}

// A PodTemplate that is not as we write them is left out, and takes no other with it. Without any there is no policy.
func TestForgedTemplatesAreLeftOut(t *testing.T) {
	for name, forge := range forgeries {
		t.Run(name, func(t *testing.T) {
			forged := captured()
			forged.Template = *small.DeepCopy()
			forged.Namespace = "evil"
			forge(forged)
			role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}}
			w := world{t, controllertest.New(role, captured(), forged)}
			w.reconcile(wiring.InjectionPolicy, true)
			w.expect(0, 3, 4)
			policy, err := w.cluster.Kube.AdmissionregistrationV1().MutatingAdmissionPolicies().Get(t.Context(), wiring.PodInjection, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(policy.Spec.Mutations) != 1 || !strings.HasPrefix(policy.Spec.Mutations[0].JSONPatch.Expression, `request.namespace == "shop"`) {
				t.Errorf("the policy has %d mutations", len(policy.Spec.Mutations))
			}
			if err := w.cluster.Kube.CoreV1().PodTemplates("shop").Delete(t.Context(), captured().Name, metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			w.reconcile(wiring.InjectionPolicy, true)
			w.expect(0, 0, 0)
		})
	}
}

// What a PodTemplate says of containers that are ours counts for nothing: they are made anew, with the image of the installation.
func TestForgedContainersAreMadeAnew(t *testing.T) {
	forged := captured()
	forged.Template = *small.DeepCopy()
	forged.Annotations = map[string]string{v1alpha1.AnnotationInjectInto: "Pod/front"}
	for i := range forged.Template.Spec.InitContainers {
		c := &forged.Template.Spec.InitContainers[i]
		c.Image, c.Command, c.SecurityContext = "evil:1", []string{"sh"}, &corev1.SecurityContext{Privileged: new(true)}
		c.Args = append(c.Args, "--forwarder=evil:1")
		c.Resources.Limits = corev1.ResourceList{escaping: resource.MustParse("1")}
	}
	forged.Template.Spec.Volumes[0].Projected.Sources = nil
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}}
	got := mutate(t, pod.DeepCopy(), forged)
	if want := patchedBy(t, recorded(injection.TLS{}), pod); text(t, got.Spec) != text(t, want.Spec) {
		t.Errorf("the policy makes\n%s\nnot\n%s", text(t, got.Spec), text(t, want.Spec))
	}
}

// The policy stays one that etcd takes, at the expense of who makes it large.
func TestPolicyIsBounded(t *testing.T) {
	var templates []*corev1.PodTemplate
	for i := range 30 {
		large := captured()
		large.Namespace, large.Name, large.OwnerReferences[0].UID = "evil", fmt.Sprintf("restage-capture-%d", i), types.UID(strconv.Itoa(i))
		settings := wiring.NewCaptureSettings("front", nil)
		settings.Ignore.Hosts = []string{strings.Repeat("x", maxExpression*9/10)}
		large.Template = *small.DeepCopy()
		large.Template.Spec.InitContainers[0].Args = []string{"--settings=" + settings.Argument()}
		templates = append(templates, large)
	}
	additions := installed().additions(t.Context(), append(templates, captured()))
	total, ours := 0, 0
	for _, a := range additions {
		total += len(a.expression)
		if a.namespace == "shop" {
			ours++
		}
	}
	if total > maxMutations || ours != 1 || len(additions) < 5 {
		t.Errorf("%d mutations have %d bytes, %d of them of a namespace with one", len(additions), total, ours)
	}
}

// What stands in a policy is read by kube-apiserver as it was meant, whatever is in it.
func TestQuoting(t *testing.T) {
	set, err := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).Env(environment.NewExpressions)
	if err != nil {
		t.Fatal(err)
	}
	var runes strings.Builder
	for r := rune(0); r <= 0x2fff; r++ {
		runes.WriteRune(r)
	}
	for _, want := range []string{
		"", `'`, `"`, `\`, `\"`, `\'`, "`", `"""`, `'''`, `\n`, `\x41`, `\u0041`, `\U00000041`, `\101`, `\?`, "\r\n", "\u2028\u2029", "<&>", "\x00\x07\x0b\x7f", "😀\ufffd", "${A} // {", runes.String(),
	} {
		ast, issues := set.Compile(quote(want))
		if issues.Err() != nil {
			t.Errorf("%q: %v", want, issues.Err())
			continue
		}
		program, err := set.Program(ast)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := program.Eval(map[string]any{})
		if err != nil || got.Value() != want {
			t.Errorf("%q is read as %q, %v", want, got.Value(), err)
		}
	}
}

// Names of fields are written as they are, and so must be names; keys that are anybody's are strings.
func TestLiteralsCannotBeEscapedFrom(t *testing.T) {
	for _, key := range []string{"", "a-b", "a.b", "a b", "1a", "in", "namespace", "a\n", escaping, "ä"} {
		if text, err := literal("Object.spec", map[string]any{"options": map[string]any{key: "v"}}); err == nil {
			t.Errorf("%q is written as a field: %s", key, text)
		}
		text, err := literal("Object.spec.initContainers", map[string]any{"resources": map[string]any{"limits": map[string]any{key: "1"}}})
		if want := `Object.spec.initContainers{resources: Object.spec.initContainers.resources{limits: {` + quote(key) + `: "1"}}}`; err != nil || text != want {
			t.Errorf("%q among the limits is written as %s, %v", key, text, err)
		}
	}
	if text, err := literal("Object.spec", map[string]any{"a": nil}); err == nil {
		t.Errorf("nothing is written as %s", text)
	}
}
