// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	proxyHost = "127.0.0.1"
	// unprivilegedPorts is a safe sysctl, which every Pod Security level allows. The proxy is not root, and is to listen for DNS, HTTP and HTTPS.
	unprivilegedPorts = "net.ipv4.ip_unprivileged_port_start"
	// clusterDomain is that of nearly all clusters. Names in another are answered as well when they are asked for in full.
	clusterDomain = "cluster.local"
)

// noRules has an init container do without rules, and so without a capability: all it does is to try to leave.
func noRules(first *corev1.Container) {
	first.Args = append(first.Args, "--interception="+wiring.InterceptionExplicit)
	first.SecurityContext = proxySecurity()
}

// explicitArgs tell the proxy which ports the workload takes, and which it takes in the workload's place.
func explicitArgs(declared []int32, swaps map[int32]int32) []string {
	var own []int32
	for _, port := range declared {
		if _, swapped := swaps[port]; !swapped {
			own = append(own, port)
		}
	}
	var pairs []string
	for _, port := range slices.Sorted(maps.Keys(swaps)) {
		own = append(own, swaps[port])
		pairs = append(pairs, fmt.Sprintf("%d=%d", port, swaps[port]))
	}
	args := []string{"--interception=" + wiring.InterceptionExplicit, "--own-ports=" + portList(own)}
	if len(pairs) > 0 {
		args = append(args, "--port-swaps="+strings.Join(pairs, ","))
	}
	return args
}

// explicit leads the containers of a template to the proxy by what the kubelet and the usual clients heed: who answers for names, and
// the proxy variables. A copy has no other names and no other HTTP proxy than these, so what the workload set is replaced.
func explicit(template *corev1.PodTemplateSpec, namespace string) {
	spec := &template.Spec
	spec.DNSConfig = proxyDNS(*spec, namespace)
	spec.DNSPolicy = corev1.DNSNone
	spec.HostAliases = nil // they would go before DNS, and to addresses of production
	allowLowPorts(spec)
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			if c := &containers[i]; !IsOurContainer(c.Name) {
				c.Env = withProxy(c.Env)
			}
		}
	}
	template.Annotations = merged(template.Annotations, map[string]string{
		v1alpha1.AnnotationInterception: string(v1alpha1.InterceptionExplicit),
	})
}

// proxyDNS asks the proxy and looks through the same search domains as the workload in production does.
func proxyDNS(spec corev1.PodSpec, namespace string) *corev1.PodDNSConfig {
	config := &corev1.PodDNSConfig{}
	if spec.DNSConfig != nil {
		config = spec.DNSConfig.DeepCopy()
	}
	config.Nameservers = []string{proxyHost}
	if spec.DNSPolicy == "" || spec.DNSPolicy == corev1.DNSClusterFirst || spec.DNSPolicy == corev1.DNSClusterFirstWithHostNet {
		services := "svc." + clusterDomain
		config.Searches = slices.Concat([]string{namespace + "." + services, services, clusterDomain}, config.Searches)
		if !slices.ContainsFunc(config.Options, func(o corev1.PodDNSConfigOption) bool { return o.Name == "ndots" }) {
			config.Options = append(config.Options, corev1.PodDNSConfigOption{Name: "ndots", Value: ptr.To("5")})
		}
	}
	return config
}

func allowLowPorts(spec *corev1.PodSpec) {
	if spec.SecurityContext == nil {
		spec.SecurityContext = &corev1.PodSecurityContext{}
	}
	sysctls := slices.DeleteFunc(spec.SecurityContext.Sysctls, func(s corev1.Sysctl) bool { return s.Name == unprivilegedPorts })
	spec.SecurityContext.Sysctls = append(sysctls, corev1.Sysctl{Name: unprivilegedPorts, Value: "0"})
}

// withProxy sets the variables that HTTP clients look for, in both spellings: curl heeds http_proxy in small letters alone.
func withProxy(env []corev1.EnvVar) []corev1.EnvVar {
	port := strconv.Itoa(wiring.ProxyOutboundPort)
	url := "http://" + net.JoinHostPort(proxyHost, port)
	const direct = "localhost,127.0.0.1,::1"
	ours := []corev1.EnvVar{
		{Name: "HTTP_PROXY", Value: url}, {Name: "HTTPS_PROXY", Value: url}, {Name: "NO_PROXY", Value: direct},
		{Name: "http_proxy", Value: url}, {Name: "https_proxy", Value: url}, {Name: "no_proxy", Value: direct},
		{Name: "NODE_USE_ENV_PROXY", Value: "1"}, // without it Node.js does not look at the others
	}
	env = slices.DeleteFunc(slices.Clone(env), func(v corev1.EnvVar) bool {
		return slices.ContainsFunc(ours, func(o corev1.EnvVar) bool { return o.Name == v.Name }) || strings.EqualFold(v.Name, "ALL_PROXY")
	})
	for i := range env {
		if v := &env[i]; v.Name == "JAVA_TOOL_OPTIONS" && v.ValueFrom == nil { // Java looks at none of them
			v.Value += fmt.Sprintf(" -Dhttp.proxyHost=%[1]s -Dhttp.proxyPort=%[2]s -Dhttps.proxyHost=%[1]s -Dhttps.proxyPort=%[2]s", proxyHost, port)
		}
	}
	return append(env, ours...)
}

// refuseExplicit refuses what cannot be led to the proxy without rules.
func refuseExplicit(c corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, port := range c.Ports {
		if port.ContainerPort == wiring.ExplicitDNSPort {
			errs = append(errs, field.Invalid(path.Child("ports").Index(i).Child("containerPort"), port.ContainerPort,
				"without redirect rules (interception Explicit) the proxy answers DNS on this port"))
		}
	}
	return errs
}
