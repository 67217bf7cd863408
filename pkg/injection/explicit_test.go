// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/wiring"
)

func explicitOptions() IsolateOptions {
	opts := isolateOptions()
	opts.Explicit, opts.Namespace = true, "shop"
	return opts
}

// explicitTemplate is that of the front without the port that the proxy needs.
func explicitTemplate(t *testing.T) corev1.PodTemplateSpec {
	t.Helper()
	template := readTemplate(t, "front")
	for i := range template.Spec.Containers {
		c := &template.Spec.Containers[i]
		c.Ports = slices.DeleteFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.ContainerPort == wiring.ExplicitDNSPort })
	}
	return template
}

func TestExplicitGolden(t *testing.T) {
	live := explicitTemplate(t)
	before := live.DeepCopy()
	got, err := Isolate(live, explicitOptions())
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "front-explicit", got)
	if diff := cmp.Diff(*before, live); diff != "" {
		t.Errorf("the live template was changed:\n%s", diff)
	}
}

// No container of ours may need what the Pod Security level restricted refuses.
func TestExplicitNeedsNoPrivilege(t *testing.T) {
	template, err := Isolate(explicitTemplate(t), explicitOptions())
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for _, c := range template.Spec.InitContainers {
		if !IsOurContainer(c.Name) {
			continue
		}
		ours++
		sc := c.SecurityContext
		if !*sc.RunAsNonRoot || *sc.AllowPrivilegeEscalation || len(sc.Capabilities.Add) > 0 || !slices.Contains(sc.Capabilities.Drop, "ALL") ||
			sc.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s has %+v", c.Name, sc)
		}
	}
	if ours != 2 {
		t.Errorf("%d containers of ours", ours)
	}
}

func TestExplicitReplacesWhatLeadsElsewhere(t *testing.T) {
	live := explicitTemplate(t)
	live.Spec.HostAliases = []corev1.HostAlias{{IP: "10.1.2.3", Hostnames: []string{"db"}}}
	live.Spec.DNSPolicy = corev1.DNSNone
	live.Spec.DNSConfig = &corev1.PodDNSConfig{Nameservers: []string{"10.0.0.53"}, Searches: []string{"corp.example"}, Options: []corev1.PodDNSConfigOption{{Name: "ndots", Value: ptr.To("1")}}}
	live.Spec.SecurityContext = &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: unprivilegedPorts, Value: "80"}, {Name: "net.ipv4.tcp_syncookies", Value: "1"}}}
	live.Spec.Containers[0].Env = []corev1.EnvVar{
		{Name: "http_proxy", Value: "http://proxy.corp.example:3128"}, {Name: "ALL_PROXY", Value: "socks5://proxy.corp.example"}, {Name: "MODE", Value: "fast"},
	}
	template, err := Isolate(live, explicitOptions())
	if err != nil {
		t.Fatal(err)
	}
	spec := template.Spec
	want := &corev1.PodDNSConfig{Nameservers: []string{"127.0.0.1"}, Searches: []string{"corp.example"}, Options: live.Spec.DNSConfig.Options}
	if diff := cmp.Diff(want, spec.DNSConfig); diff != "" || spec.DNSPolicy != corev1.DNSNone || spec.HostAliases != nil {
		t.Errorf("policy %s, host aliases %v, config (-want +got):\n%s", spec.DNSPolicy, spec.HostAliases, diff)
	}
	if diff := cmp.Diff([]corev1.Sysctl{{Name: "net.ipv4.tcp_syncookies", Value: "1"}, {Name: unprivilegedPorts, Value: "0"}}, spec.SecurityContext.Sysctls); diff != "" {
		t.Errorf("sysctls (-want +got):\n%s", diff)
	}
	c := spec.Containers[0]
	if value(c, "http_proxy") != "http://127.0.0.1:15101" || value(c, "HTTPS_PROXY") != "http://127.0.0.1:15101" || value(c, "ALL_PROXY") != "" || value(c, "MODE") != "fast" {
		t.Errorf("variables %v", c.Env)
	}
	if java := value(c, "JAVA_TOOL_OPTIONS"); !strings.Contains(java, "trustStore") || !strings.Contains(java, "-Dhttps.proxyPort=15101") {
		t.Errorf("Java is told %q", java)
	}
}

func TestExplicitRefusesTheDNSPort(t *testing.T) {
	live := explicitTemplate(t)
	live.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 53}}
	_, err := Isolate(live, explicitOptions())
	if err == nil || !strings.Contains(err.Error(), "spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 53") {
		t.Errorf("error %v", err)
	}
	if _, err := Isolate(live, isolateOptions()); err != nil {
		t.Errorf("with rules: %v", err)
	}
}

func TestSwappedPortsAreNotTheWorkloads(t *testing.T) {
	got := explicitArgs([]int32{8080, 9090}, map[int32]int32{8080: 18080})
	if want := []string{"--interception=Explicit", "--own-ports=9090,18080", "--port-swaps=8080=18080"}; !slices.Equal(got, want) {
		t.Errorf("arguments %q, want %q", got, want)
	}
}

func TestRefusingLevel(t *testing.T) {
	for level, want := range map[string]string{"": "", "privileged": "", "baseline": "baseline", "restricted": "restricted"} {
		if got := RefusingLevel(map[string]string{EnforceLabel: level}); got != want {
			t.Errorf("level %q: %q", level, got)
		}
	}
}
