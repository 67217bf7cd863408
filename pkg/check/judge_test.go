// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/controller/safeguards"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/wiring"
)

// said fails the test unless the first finding has the verdict and the words.
func said(t *testing.T, findings []Finding, verdict Verdict, words string) {
	t.Helper()
	if len(findings) == 0 || findings[0].Verdict != verdict || !strings.Contains(findings[0].Reason, words) {
		t.Errorf("findings are %+v, want %s: %s", findings, verdict, words)
	}
	for _, f := range findings {
		if (f.Verdict == Failed || f.Verdict == Warning) && f.Fix == "" {
			t.Errorf("%+v has no fix", f)
		}
	}
}

func TestVersionsOfKubernetes(t *testing.T) {
	for git, want := range map[string]Verdict{
		"v1.34.9": Failed, "v1.35.0": OK, "v1.36.1-gke.100": OK, "v1.37.2+k3s1": OK, "v1.38.0-alpha.1": Warning,
	} {
		findings, err := judgeVersion(git)
		if err != nil {
			t.Fatal(err)
		}
		said(t, findings, want, git)
	}
	if _, err := judgeVersion("main"); err == nil {
		t.Error("a version that is none is taken for one")
	}
}

func TestFrontProxy(t *testing.T) {
	_, ca := testChain(t, time.Now().Add(time.Hour))
	well := map[string]string{
		requestHeaderCA: ca, "requestheader-username-headers": `["X-Remote-User"]`, "requestheader-group-headers": `["X-Remote-Group"]`,
		"requestheader-extra-headers-prefix": `["X-Remote-Extra-"]`,
	}
	with := func(key, value string) map[string]string {
		changed := map[string]string{}
		for k, v := range well {
			changed[k] = v
		}
		changed[key] = value
		return changed
	}
	said(t, judgeFrontProxy(well, time.Now()), OK, "")
	said(t, judgeFrontProxy(nil, time.Now()), Failed, "front-proxy flags")
	said(t, judgeFrontProxy(with("requestheader-group-headers", "[]"), time.Now()), Failed, "--requestheader-group-headers")
	said(t, judgeFrontProxy(with(requestHeaderCA, "x"), time.Now()), Failed, "is no certificate")
	said(t, judgeFrontProxy(well, time.Now().AddDate(20, 0, 0)), Failed, "expired on")
}

func TestSkew(t *testing.T) {
	for _, test := range []struct {
		tags    map[string]string
		plugin  string
		verdict Verdict
		words   string
	}{
		{map[string]string{"a": "v0.1.0", "b": "v0.1.0"}, "v0.1.3", OK, "all 2 parts are v0.1.0"},
		{map[string]string{"a": "dev"}, "v0.1.0", OK, "dev"},
		{map[string]string{"a": "v0.1.0", "b": "v0.2.0"}, "v0.1.0", Warning, "v0.1.0: a; v0.2.0: b"},
		{map[string]string{"a": "v0.1.0"}, "v0.2.0", Warning, "different releases"},
		{map[string]string{"a": "v0.1.0", "b": ""}, "v0.1.0", Warning, "by digest: b"},
	} {
		said(t, judgeVersions(test.tags, test.plugin, "fix"), test.verdict, test.words)
	}
}

func TestLease(t *testing.T) {
	now := time.Now()
	lease := func(holder string, age time.Duration) *coordinationv1.Lease {
		return &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &holder, RenewTime: &metav1.MicroTime{Time: now.Add(-age)}, LeaseDurationSeconds: ptr.To[int32](10),
		}}
	}
	said(t, judgeLease(lease("pod_1", time.Second), now, "fix"), OK, "pod_1")
	said(t, judgeLease(lease("pod_1", time.Minute), now, "fix"), Failed, "1m0s ago")
	said(t, judgeLease(lease("", time.Second), now, "fix"), Failed, "no controller")
	said(t, judgeLease(&coordinationv1.Lease{}, now, "fix"), Failed, "no controller")
}

func TestNamespaces(t *testing.T) {
	namespace := func(labels, annotations map[string]string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: labels, Annotations: annotations}}
	}
	for level, want := range map[string]Verdict{"": OK, "privileged": OK, "baseline": Failed, "restricted": Failed} {
		said(t, []Finding{judgePodSecurity(namespace(map[string]string{injection.EnforceLabel: level}, nil))}, want, "shop")
	}
	for _, test := range []struct {
		labels, annotations map[string]string
		want                string
	}{
		{nil, nil, ""},
		{map[string]string{"istio-injection": "enabled"}, nil, "Istio"},
		{map[string]string{"istio-injection": "disabled", "istio.io/rev": "1-26"}, nil, ""},
		{map[string]string{"istio.io/rev": "1-26"}, nil, "Istio"},
		{map[string]string{"istio.io/dataplane-mode": "ambient"}, nil, "Istio"},
		{nil, map[string]string{"linkerd.io/inject": "enabled"}, "Linkerd"},
		{nil, map[string]string{"linkerd.io/inject": "disabled"}, ""},
	} {
		if mesh, _ := meshOf(namespace(test.labels, test.annotations)); mesh != test.want {
			t.Errorf("labels %v annotations %v: mesh %q, want %q", test.labels, test.annotations, mesh, test.want)
		}
	}
}

func TestRules(t *testing.T) {
	for _, test := range []struct {
		result  wiring.ProbeResult
		verdict Verdict
		fix     string
	}{
		{wiring.ProbeResult{Kernel: "6.1"}, OK, ""},
		{wiring.ProbeResult{Isolate: "writing the nftables table restage: conn.Receive: netlink receive: operation not permitted"}, Failed, "NET_ADMIN"},
		{wiring.ProbeResult{Capture: "writing the nftables table restage: conn.Receive: netlink receive: no such file or directory"}, Failed, "modprobe"},
		{wiring.ProbeResult{Isolate: "the rules do not isolate the pod: TCP to 192.0.2.1:80: the connection was not redirected"}, Failed, "bypasses netfilter"},
	} {
		finding := judgeRules(probeOutcome{namespace: "shop", result: &test.result})
		if finding.Verdict != test.verdict || !strings.Contains(finding.Fix, test.fix) {
			t.Errorf("%+v: %+v", test.result, finding)
		}
	}
	names := probeOutcome{namespace: "shop", result: &wiring.ProbeResult{
		Names:   map[string]string{apiName: "lookup kubernetes.default.svc: i/o timeout"},
		Connect: map[string]string{"restage-forwarder.restage-system.svc:4143": "lookup: i/o timeout"},
	}}
	findings := judgeDNS(names, "no pod", "fix")
	said(t, findings, Failed, apiName)
	if len(findings) != 1 {
		t.Errorf("what follows from DNS is told as well: %+v", findings)
	}
	blocked := probeOutcome{namespace: "shop", result: &wiring.ProbeResult{
		Names: map[string]string{apiName: ""}, Connect: map[string]string{"restage-forwarder.restage-system.svc:4143": "i/o timeout"},
	}}
	said(t, judgeDNS(blocked, "", ""), Failed, "do not reach the forwarder")
}

func TestCertificates(t *testing.T) {
	const name = "restage-apiserver.restage-system.svc"
	now := time.Now()
	shown, _ := testChain(t, now.Add(30*24*time.Hour))
	other, _ := testChain(t, now.Add(30*24*time.Hour))
	said(t, judgeCertificate(shown[:1], shown[1:], name, now, "fix"), OK, name)
	said(t, judgeCertificate(shown[:1], shown[1:], name, now.Add(40*24*time.Hour), "fix"), Failed, "expired on")
	said(t, judgeCertificate(shown[:1], shown[1:], name, now.Add(25*24*time.Hour), "fix"), Warning, "was not renewed")
	said(t, judgeCertificate(shown[:1], other[1:], name, now, "fix"), Failed, "does not fit its published CA")
	said(t, judgeCertificate(shown[:1], shown[1:], "other.svc", now, "fix"), Failed, "does not fit")
}

// The rules that are asked for are those of the manifests, and roles of the cluster that they bind.
func TestGrantsOfManifests(t *testing.T) {
	manifests, err := install.Render(install.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	grants, err := grantsOf(manifests, func(kind, namespace, name string) ([]rbacv1.PolicyRule, error) {
		asked = append(asked, name)
		return []rbacv1.PolicyRule{{Verbs: []string{"create"}, APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"tokenreviews"}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, g := range grants {
		for _, q := range questions(g) {
			lines = append(lines, q.String())
		}
	}
	all := strings.Join(lines, "\n")
	for _, want := range []string{
		"service account restage-system/restage-controller may not patch deployments.apps, which ClusterRole restage-controller-injection gives",
		"service account restage-system/restage-controller may not update leases.coordination.k8s.io restage-controller in namespace restage-system, which Role restage-controller gives",
		"service account restage-system/restage-forwarder may not create tokenreviews.authentication.k8s.io, which ClusterRole system:auth-delegator gives",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among\n%s", want, all)
		}
	}
	if !strings.Contains(all, safeguards.Role) {
		t.Errorf("%s is not among\n%s", safeguards.Role, all)
	}
	if len(asked) < 2 {
		t.Errorf("the cluster was asked for %v", asked)
	}
	review := questions(grants[0])[0].review().Spec
	if !strings.HasPrefix(review.User, "system:serviceaccount:restage-system:") || len(review.Groups) != 3 {
		t.Errorf("the review is of %s %v", review.User, review.Groups)
	}
}

// What the controller gives back is not missed.
func TestGrantsThatAreGivenBack(t *testing.T) {
	manifests, err := install.Render(install.Options{Namespaces: []string{"shop"}})
	if err != nil {
		t.Fatal(err)
	}
	grants, err := grantsOf(manifests, func(string, string, string) ([]rbacv1.PolicyRule, error) { return nil, nil })
	if err != nil || len(grants) == 0 {
		t.Fatalf("%d grants, error %v", len(grants), err)
	}
	for _, g := range grants {
		if strings.Contains(g.role, safeguards.Role) {
			t.Errorf("asked for is %+v", g)
		}
	}
}

// A check whose need has failed is skipped, and an error is no verdict of good or bad.
func TestNeeds(t *testing.T) {
	c := &Cluster{Found: &installation.Installation{Deployments: map[string]*appsv1.Deployment{installation.Server: {}}}}
	ran := func(context.Context, *Cluster) ([]Finding, error) { return ok("well"), nil }
	var got []string
	Run(t.Context(), c, []Check{
		{Name: "a", Run: func(context.Context, *Cluster) ([]Finding, error) { return nil, errors.New("no rights") }},
		{Name: "b", Needs: []string{"a"}, Run: ran},
		{Name: "c", When: BeforeInstalling, Run: ran},
		{Name: "d", When: AfterInstalling, Run: ran},
	}, func(r Result) { got = append(got, r.Check+"="+string(r.Verdict)) })
	if want := "a=Unknown b=Skipped d=OK"; strings.Join(got, " ") != want {
		t.Errorf("results are %v, want %s", got, want)
	}
}

// Every need is the name of a check before it.
func TestNeedsAreThere(t *testing.T) {
	before := map[string]bool{}
	for _, check := range All() {
		for _, need := range check.Needs {
			if !before[need] {
				t.Errorf("%q needs %q, which is not before it", check.Name, need)
			}
		}
		if before[check.Name] {
			t.Errorf("%q is there twice", check.Name)
		}
		before[check.Name] = true
	}
}
