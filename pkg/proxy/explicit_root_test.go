// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restage-dev/restage/pkg/wiring"
)

// explicitPod is a pod whose proxy has no capability: its resolv.conf and its sysctl are all that leads there.
type explicitPod struct {
	*namespace
	outside         *namespace
	binary, resolv  string
	init, arguments []string // of restage-proxy
}

func newExplicitPod(t *testing.T) *explicitPod {
	t.Helper()
	pod, outside := newPod(t)
	p := &explicitPod{namespace: pod, outside: outside, binary: buildProxy(t), resolv: filepath.Join(t.TempDir(), "resolv.conf")}
	if err := os.WriteFile(p.resolv, []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	pod.run("sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start")
	real := outside.listen("[::]:80")
	go http.Serve(real, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the real one") }))
	p.init, p.arguments = serveResponder(t, outside, `{"ports":{"back":[80,9898],"peer":[8080],"same":[7070]}}`)
	return p
}

// curl runs as the workload does: with the pod's resolv.conf and, when asked for, the proxy variables.
func (p *explicitPod) curl(proxied bool, args ...string) (string, error) {
	line := "mount --bind " + p.resolv + " /etc/resolv.conf && exec "
	if proxied {
		url := fmt.Sprintf("http://127.0.0.1:%d", wiring.ProxyOutboundPort)
		line += "env http_proxy=" + url + " https_proxy=" + url + " "
	}
	return p.try("unshare", append([]string{"-m", "sh", "-c", line + `curl -s --max-time 5 "$@"`, "curl"}, args...)...)
}

// canary runs the init container without any capability and returns what it says.
func (p *explicitPod) canary(address string) string {
	p.t.Helper()
	dir := p.t.TempDir()
	reachable(p.t, dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		p.t.Fatal(err)
	}
	output := filepath.Join(dir, "termination-log")
	p.run("setpriv", append([]string{"--reuid=15100", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", p.binary, "init", "--interception=Explicit",
		"--canary=" + address, "--patience=1s", "--output=" + output}, p.init...)...)
	said, err := os.ReadFile(output)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(said)
}

// TestExplicitInNamespace runs the real init and the real sidecar without any capability.
func TestExplicitInNamespace(t *testing.T) {
	pod := newExplicitPod(t)
	if said := pod.canary("10.99.0.1:80"); said != wiring.CanaryOut {
		t.Errorf("with a way out the canary says %q", said)
	}
	pod.run("ip", "route", "add", "prohibit", "10.99.7.0/24")
	if said := pod.canary("10.99.7.1:443"); said != wiring.CanaryHeld {
		t.Errorf("without a way out the canary says %q", said)
	}

	pod.start(pod.binary, isolatedEnv, append(pod.arguments, "--interception=Explicit", "--own-ports=8080,17070", "--port-swaps=7070=17070")...)
	for _, port := range []string{"8080", "17070"} {
		own := pod.listen("[::]:" + port) // as the workload does, once the proxy is ready
		go http.Serve(own, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the workload itself") }))
	}

	for _, test := range []struct {
		name    string
		proxied bool
		args    []string
		want    string
	}{
		{"by name", false, []string{"http://back:9898/a"}, "played back 127.18.0.1:9898"},
		{"by name, on a low port", false, []string{"http://back/"}, "played back 127.18.0.1:80"},
		{"by the proxy", true, []string{"http://back:9898/a"}, "played back 127.18.0.1:9898"},
		{"by a tunnel", true, []string{"--proxytunnel", "http://back:9898/a"}, "played back 127.18.0.1:9898"},
		{"on a port of the workload", true, []string{"http://peer:8080/a"}, "played peer 127.18.0.2:8080"},
		{"by address and the proxy", true, []string{"http://10.99.0.1/"}, "played  10.99.0.1:80"},
		{"itself", true, []string{"--noproxy", "*", "http://127.0.0.1:8080/"}, "the workload itself"},
		{"on a swapped port of the workload", false, []string{"http://same:7070/"}, "played same 127.18.0.3:7070"},
		// The weaker guarantee: only the network can hold this back.
		{"by address", false, []string{"http://10.99.0.1/"}, "the real one"},
	} {
		if out, err := pod.curl(test.proxied, test.args...); err != nil || out != test.want {
			t.Errorf("%s: %q, %v, want %q", test.name, out, err, test.want)
		}
	}
	for name, proxied := range map[string]bool{"http://evil.example/": false, "http://evil.example/x": true, "http://peer:8080/": false} {
		if out, err := pod.curl(proxied, name); err == nil {
			t.Errorf("%s was answered: %q", name, out)
		}
	}
	metrics, err := pod.try("curl", "-s", fmt.Sprintf("http://127.0.0.1:%d/metrics", wiring.ProxyAdminPort))
	if err != nil || !strings.Contains(metrics, "refused_names 2") {
		t.Errorf("two names were refused: %v\n%s", err, metrics)
	}
	if out, err := pod.outside.try("curl", "-s", "--max-time", "5", "http://10.99.0.2:7070/"); err != nil || out != "the workload itself" {
		t.Errorf("a caller of the port that was swapped: %q, %v", out, err)
	}
	// Who is outside of the pod finds neither the HTTP proxy nor what stands in for names.
	if out, err := pod.try("curl", "-s", "--max-time", "2", fmt.Sprintf("http://10.99.0.2:%d/", wiring.ProxyOutboundPort)); err == nil {
		t.Errorf("the HTTP proxy listens on the pod's address: %q", out)
	}
}
