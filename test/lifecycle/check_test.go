// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/kube"
)

// diagnosis is what kubectl restage check says, and its exit code.
type diagnosis struct {
	Results []verdict `json:"results"`
	exit    int
}

type verdict struct {
	Check, Verdict, Reason, Fix string
}

// saidBy tells whether a verdict is the one that is wanted.
func (v verdict) saidBy(said verdict) bool {
	return v.Check == said.Check && v.Verdict == said.Verdict && strings.Contains(said.Reason, v.Reason) && strings.Contains(said.Fix, v.Fix)
}

// trouble is the first verdict that is not good. What depends on it comes after it.
func (d diagnosis) trouble() verdict {
	for _, v := range d.Results {
		if v.Verdict != "OK" && v.Verdict != "Skipped" {
			return v
		}
	}
	return verdict{}
}

// check runs kubectl restage check.
func check(t *testing.T, args ...string) diagnosis {
	t.Helper()
	out, err := kube.Run(t.Context(), "", "kubectl", append([]string{"restage", "check", "-o", "json"}, args...)...)
	var d diagnosis
	if failure := (&exec.ExitError{}); errors.As(err, &failure) {
		d.exit = failure.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("%v: the answer is %q: %v", args, out, err)
	}
	return d
}

// broken is a set-up that is not well on purpose.
type broken struct {
	name string
	// breakIt makes it so, and has it undone at the end of the test.
	breakIt func(t *testing.T)
	args    []string
	// want is the first verdict that is not good; its Reason and Fix are parts of what is to be said.
	want verdict
	// also is said somewhere after it.
	also verdict
}

// run breaks, looks and mends, and makes sure that all is well afterwards.
func (b broken) run(t *testing.T) {
	t.Run(b.name, func(t *testing.T) {
		start := time.Now()
		t.Cleanup(func() { t.Logf("took %v", time.Since(start).Round(time.Second)) })
		b.breakIt(t)
		exit := 1
		if b.want.Verdict == "Warning" && !slices.Contains(b.args, "--strict") {
			exit = 0
		}
		kube.Eventually(t, 2*time.Minute, fmt.Sprintf("%+v", b.want), func() (bool, string) {
			d := check(t, b.args...)
			got := d.trouble()
			ok := b.want.saidBy(got) && d.exit == exit && (b.also == verdict{} || slices.ContainsFunc(d.Results, b.also.saidBy))
			if ok {
				t.Logf("%s: %s; fix: %s", got.Check, got.Reason, got.Fix)
			}
			return ok, fmt.Sprintf("exit %d: %+v", d.exit, d.Results)
		})
	})
	t.Run(b.name+" mended", func(t *testing.T) { awaitWell(t) })
}

// awaitWell waits until no check has anything to say.
func awaitWell(t *testing.T) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(kube.Kubectl(t, "-n", system, "get", "pods", "-o", "wide"), kube.Kubectl(t, "-n", system, "logs", "-l", "app.kubernetes.io/name=restage-controller", "--tail=40"))
		}
	}()
	kube.Eventually(t, 5*time.Minute, "all is well", func() (bool, string) {
		d := check(t, "--strict", "--no-probe")
		return d.exit == 0, fmt.Sprintf("exit %d: %+v", d.exit, d.trouble())
	})
}

// TestCheckBeforeInstalling looks at a cluster without Restage, and at what an older installation has left on it.
func TestCheckBeforeInstalling(t *testing.T) {
	const image = "--probe-image=localhost/restage/proxy:dev"
	namespace := kube.Namespace(t, "check")
	kube.Kubectl(t, "create", "namespace", namespace)
	if d := check(t, append([]string{"--strict", "-n", namespace}, devImages...)...); d.exit != 0 || len(d.Results) < 8 {
		t.Errorf("a cluster that is well: exit code %d: %+v", d.exit, d.Results)
	}
	if pods := kube.Kubectl(t, "-n", namespace, "get", "pods", "-o", "name"); pods != "" {
		t.Errorf("the probe left %s", pods)
	}
	for _, b := range []broken{
		{
			name: "no front-proxy flags", breakIt: func(*testing.T) {}, args: []string{"--no-probe", "--kubeconfig=" + withoutFrontProxy(t)},
			want: verdict{"aggregation", "Failed", "without its front-proxy flags", "--requestheader-client-ca-file"},
		},
		{
			name: "old Kubernetes", breakIt: func(*testing.T) {}, args: []string{"--no-probe", "--kubeconfig=" + ofVersion(t, "v1.33.4")},
			want: verdict{"kubernetes", "Failed", "kube-apiserver is v1.33.4", "Upgrade the cluster to Kubernetes 1.35"},
		},
		{
			name: "an APIService without a server", breakIt: orphan(apiServiceManifest, "apiservice/"+apiService), args: []string{"--no-probe"},
			want: verdict{"leftovers", "Failed", "has no server", "kubectl delete apiservice " + apiService},
		},
		{
			name: "a role of an older installation", breakIt: orphan(clusterRoleManifest, "clusterrole/restage-old"), args: []string{"--no-probe", "--strict"},
			want: verdict{"leftovers", "Warning", "restage-old", "kubectl delete clusterroles"},
		},
		{
			name: "policies for proxies that are left", breakIt: leftPolicies, args: []string{"--no-probe", "--strict"},
			want: verdict{"leftovers", "Warning", wiring.PodLimits, "kubectl restage uninstall"},
		},
		{
			name: "monitoring without the Prometheus operator", breakIt: func(*testing.T) {}, args: []string{"--no-probe", "--monitoring"},
			want: verdict{"monitoring", "Failed", "no servicemonitors, podmonitors, prometheusrules", "leave --monitoring out"},
		},
		{
			name: "no NET_ADMIN by Pod Security", breakIt: labelled(namespace, "pod-security.kubernetes.io/enforce", "restricted"), args: []string{image, "-n", namespace},
			want: verdict{"pod security", "Failed", "needs NET_ADMIN", "kubectl label namespace " + namespace},
			also: verdict{"redirect rules", "Failed", "Pod Security", "kubectl label namespace " + namespace},
		},
		{
			name: "no NET_ADMIN by a policy", breakIt: forbidNetAdmin(namespace), args: []string{image, "-n", namespace},
			want: verdict{"redirect rules", "Failed", "ValidatingAdmissionPolicy", "policy's binding"},
		},
		{
			name: "an image that is not there", breakIt: func(*testing.T) {}, args: []string{"--probe-image=localhost/restage/nowhere:dev", "-n", namespace},
			want: verdict{"redirect rules", "Failed", "localhost/restage/nowhere:dev cannot be pulled", "--registry"},
		},
	} {
		b.run(t)
	}
}

// TestCheck breaks an installation in many ways.
func TestCheck(t *testing.T) {
	t.Cleanup(func() { kube.CleanUp(t, 2*time.Minute, "delete", "-k", dev, "--ignore-not-found", "--timeout=110s") })
	install(t)
	awaitWell(t)
	if d := check(t, "--strict"); d.exit != 0 || len(d.Results) < 20 {
		t.Errorf("an installation that is well: exit code %d: %+v", d.exit, d.Results)
	}
	quick := []string{"--no-probe"}
	down := verdict{"controller", "Failed", "scaled to 0", "scale deployment/restage-controller --replicas=1"}
	for _, b := range []broken{
		{
			name: "image pull secret missing", breakIt: pullSecret, args: quick,
			want: verdict{"image pull secrets", "Failed", "image pull secret registry is missing in namespace " + system, "create secret docker-registry registry"},
		},
		{
			name: "monitoring without the Prometheus operator", breakIt: monitored, args: quick,
			want: verdict{"monitoring", "Warning", "no servicemonitors, podmonitors, prometheusrules", "kubectl restage install --monitoring"},
		},
		{
			name: "RBAC removed", breakIt: withoutRules("restage-controller-workloads"), args: quick,
			want: verdict{"service accounts", "Failed", "which ClusterRole restage-controller-workloads gives", "kubectl restage install | kubectl apply -f -"},
		},
		{
			name: "an image of ours that is not there", breakIt: controllerImage, args: quick,
			want: verdict{"versions", "Warning", "different versions", "kubectl restage install"},
			also: verdict{"controller", "Warning", "localhost/restage/nowhere:other cannot be pulled", "--image-pull-secrets"},
		},
		{
			name: "DNS gone", breakIt: coreDNS,
			want: verdict{"cluster DNS", "Failed", "cannot resolve kubernetes.default.svc", "kubectl -n kube-system scale deployment/coredns"},
		},
		{
			name: "server scaled to 0", breakIt: scaledToNothing("restage-apiserver"), args: quick,
			want: verdict{"server", "Failed", "scaled to 0", "scale deployment/restage-apiserver --replicas=1"},
			also: verdict{"registration", "Failed", "no pod of the server is ready", "scale deployment/restage-apiserver --replicas=1"},
		},
		{
			name: "no way from the control plane to the server", breakIt: unreachable, args: quick,
			want: verdict{"registration", "Failed", "the control plane", "8443"},
		},
		{
			name: "expired certificate", breakIt: expired, args: quick,
			want: verdict{"server certificate", "Failed", "expired on", "rollout restart deployment/restage-apiserver"},
			also: verdict{"registration", "Failed", "certificate of the server has expired", "rollout restart deployment/restage-apiserver"},
		},
		{
			name: "storage cannot be written", breakIt: storageURL("file:///nowhere"), args: quick,
			want: verdict{"storage", "Failed", "read-only", "restage-forwarder"},
		},
		{
			name: "wrong CA bundle", breakIt: wrongBundle, args: quick, want: down,
			also: verdict{"registration", "Failed", "CA bundle", "scale deployment/restage-controller --replicas=1"},
		},
		{
			name: "forwarder down", breakIt: forwarderGone, args: quick, want: down,
			also: verdict{"forwarder", "Failed", "is not there", "scale deployment/restage-controller --replicas=1"},
		},
	} {
		b.run(t)
	}
}
