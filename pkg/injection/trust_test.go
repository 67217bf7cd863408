// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/wiring"
)

func trustTemplate() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "migrate", Image: "front:1"}},
		Containers: []corev1.Container{
			{Name: "front", Image: "front:1", Env: []corev1.EnvVar{{Name: "MODE", Value: "fast"}, {Name: "JAVA_TOOL_OPTIONS", Value: "-Xmx1g"}}},
			{Name: "side", Image: "side:1"},
		},
	}}
}

func tlsPatch(template corev1.PodTemplateSpec, tls TLS) Patch {
	return Capture(CaptureOptions{
		Settings: wiring.NewCaptureSettings("front", nil), Forwarder: "forwarder:4143", Image: "proxy:1", TLS: tls, Template: template,
	})
}

func find(t *testing.T, containers []corev1.Container, name string) corev1.Container {
	t.Helper()
	i := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("there is no container %q", name)
	}
	return containers[i]
}

func value(c corev1.Container, name string) string {
	for _, v := range c.Env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

func mounts(c corev1.Container) (names []string) {
	for _, m := range c.VolumeMounts {
		names = append(names, m.Name)
	}
	return names
}

func TestTrustOfContainers(t *testing.T) {
	template := trustTemplate()
	tlsPatch(template, TLS{Outbound: true}).AddTo(&template)
	for _, name := range []string{"migrate", "front", "side"} {
		c := find(t, slices.Concat(template.Spec.InitContainers, template.Spec.Containers), name)
		if got := mounts(c); !slices.Equal(got, []string{wiring.TrustVolume}) || !c.VolumeMounts[0].ReadOnly {
			t.Errorf("%s mounts %v, want the trust alone and to read only", name, got)
		}
		if got := value(c, "SSL_CERT_FILE"); got != "/var/run/restage/trust/bundle.crt" {
			t.Errorf("%s has SSL_CERT_FILE %q", name, got)
		}
	}
	front := find(t, template.Spec.Containers, "front")
	if got := value(front, "JAVA_TOOL_OPTIONS"); got != "-Xmx1g" {
		t.Errorf("the workload's own JAVA_TOOL_OPTIONS became %q", got)
	}
	if kept := KeptVariables(template); !slices.Equal(kept, []Kept{{"front", "JAVA_TOOL_OPTIONS"}}) {
		t.Errorf("kept are %v", kept)
	}
	proxy := find(t, template.Spec.InitContainers, wiring.ProxyContainerName)
	if got := mounts(proxy); !slices.Contains(got, wiring.TLSVolume) || !slices.Contains(got, wiring.TrustVolume) {
		t.Errorf("the proxy mounts %v", got)
	}
}

// What is added can be added again without a change, and taken out without trace.
func TestTrustIsTakenOut(t *testing.T) {
	template := trustTemplate()
	all := TLS{Outbound: true, TrustedCAs: "cas", ClientCertificate: "client", Inbound: "own"}
	tlsPatch(template, all).AddTo(&template)
	once := *template.DeepCopy()
	tlsPatch(template, all).AddTo(&template)
	if diff := cmp.Diff(once, template); diff != "" {
		t.Errorf("adding twice is something else (-once +twice):\n%s", diff)
	}
	Remove(&template)
	if diff := cmp.Diff(trustTemplate(), template); diff != "" {
		t.Errorf("traces are left (-before +after):\n%s", diff)
	}
}

// A workload whose TLS is read can be recorded on, and be copied: what was added to its containers does not stand in the way.
func TestTrustIsNotRefused(t *testing.T) {
	template := trustTemplate()
	tlsPatch(template, TLS{Outbound: true, Inbound: "own"}).AddTo(&template)
	if err := RefuseCapture(template.Spec, field.NewPath("spec")); err != nil {
		t.Error(err)
	}
	clone, err := Isolate(template, IsolateOptions{Environment: "e", Workload: "front", Image: "proxy:1", Path: field.NewPath("spec")})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clone.Spec.Containers {
		if got := mounts(c); !slices.Equal(got, []string{wiring.TrustVolume}) {
			t.Errorf("%s of the copy mounts %v", c.Name, got)
		}
	}
	template.Spec.Containers[0].VolumeMounts = append(template.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: wiring.TrustVolume, MountPath: "/mine"})
	if err := RefuseCapture(template.Spec, field.NewPath("spec")); err == nil {
		t.Error("another mount of a volume of ours is taken")
	}
}

// Server-side apply must own no more of the workload's containers than what they get.
func TestPartsOfContainers(t *testing.T) {
	spec, err := tlsPatch(trustTemplate(), TLS{Outbound: true}).PodSpec()
	if err != nil {
		t.Fatal(err)
	}
	if len(spec.Containers) != 2 {
		t.Fatalf("there are %d parts of containers, want 2", len(spec.Containers))
	}
	migrate := spec.InitContainers[len(spec.InitContainers)-1]
	for _, c := range append(spec.Containers, migrate) {
		if c.Image != nil || c.Resources != nil || c.SecurityContext != nil || len(c.Env) == 0 || len(c.VolumeMounts) != 1 {
			t.Errorf("the part of %s is %+v", *c.Name, c)
		}
	}
	if plain, err := tlsPatch(trustTemplate(), TLS{}).PodSpec(); err != nil || plain.Containers != nil || len(plain.InitContainers) != 2 {
		t.Errorf("without TLS: %+v, %v", plain, err)
	}
}

// The key of the CA is for the proxy alone.
func TestKeyOfTheCA(t *testing.T) {
	template := trustTemplate()
	tlsPatch(template, TLS{Outbound: true}).AddTo(&template)
	for _, c := range slices.Concat(template.Spec.InitContainers, template.Spec.Containers) {
		if slices.Contains(mounts(c), wiring.TLSVolume) != (c.Name == wiring.ProxyContainerName) {
			t.Errorf("%s mounts %v", c.Name, mounts(c))
		}
	}
}

// Reaches is asked of templates that others have changed meanwhile.
func TestReaches(t *testing.T) {
	template := trustTemplate()
	patch := tlsPatch(template, TLS{Outbound: true})
	if patch.Reaches(template.Spec) {
		t.Error("a template without the patch is taken for one with it")
	}
	patch.AddTo(&template)
	if !patch.Reaches(template.Spec) {
		t.Errorf("the patch is not found in %+v", template.Spec)
	}
	for name, change := range map[string]func(*corev1.PodSpec){
		"a variable has gone":    func(s *corev1.PodSpec) { s.Containers[1].Env = s.Containers[1].Env[1:] },
		"the mount has gone":     func(s *corev1.PodSpec) { s.Containers[1].VolumeMounts = nil },
		"a container was added":  func(s *corev1.PodSpec) { s.Containers[1].Name = "new" },
		"an init container lost": func(s *corev1.PodSpec) { s.InitContainers[2].Env = nil },
	} {
		changed := template.DeepCopy()
		change(&changed.Spec)
		if patch.Reaches(changed.Spec) {
			t.Errorf("%s: not seen", name)
		}
	}
	RemoveTrust(&template)
	if !tlsPatch(template, TLS{}).Reaches(template.Spec) || slices.ContainsFunc(template.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == wiring.TrustVolume }) {
		t.Errorf("trust is left in %+v", template.Spec)
	}
}

func TestReadsTLS(t *testing.T) {
	for _, tls := range []TLS{{}, {Outbound: true}} {
		template := trustTemplate()
		settings := wiring.NewCaptureSettings("front", nil)
		settings.TLS = tls.Settings()
		Capture(CaptureOptions{Settings: settings, TLS: tls, Template: template}).AddTo(&template)
		if ReadsTLS(template.Spec) != tls.Outbound {
			t.Errorf("with %+v it is %v that TLS is read", tls, ReadsTLS(template.Spec))
		}
	}
}
