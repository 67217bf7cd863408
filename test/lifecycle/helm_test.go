// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restage-dev/restage/test/kube"
)

const chart = "../../artifacts/chart"

// helm runs Helm on the release, whose namespace is that of Restage.
func helm(t *testing.T, args ...string) {
	t.Helper()
	if _, err := kube.Run(t.Context(), "", "helm", append(args, "--namespace", system, "--timeout", "4m")...); err != nil {
		t.Fatal(err)
	}
}

// TestHelm installs a release, monitoring included, changes it and removes it while a workload is recorded. The cluster is then as it was.
func TestHelm(t *testing.T) {
	before := kube.TakeSnapshot(t)
	prometheusOperator(t)
	s := openShop(t)
	live := s.live(t)
	t.Cleanup(func() {
		kube.CleanUp(t, 3*time.Minute, "delete", "namespace", system, "--ignore-not-found", "--timeout=160s")
	})
	helm(t, "install", "restage", chart, "--create-namespace", "--wait", "--set", "registry=localhost,tag=dev,monitoring=true")
	awaitReady(t)
	s.kubectl(t, "wait", "--for=create", "trafficcapture/front", "--timeout=60s")
	s.kubectl(t, "wait", "--for=condition=Ready", "trafficcapture/front", "--timeout=120s")
	t.Run("monitors select what is there", monitorsSelect)
	if d := check(t, "--no-probe"); d.exit != 0 || d.trouble() != (verdict{}) {
		t.Errorf("all is not well: %+v", d.trouble())
	}

	t.Run("owners decide", ownersDecide)
	helm(t, "upgrade", "restage", chart, "--reuse-values", "--wait", "--set", "clusterName=west")
	name := kube.Kubectl(t, "-n", system, "get", "deployment", "restage-controller", "-o", `jsonpath={.spec.template.spec.containers[0].env[?(@.name=="CLUSTER_NAME")].value}`)
	if name != "west" {
		t.Errorf("after the upgrade the cluster is called %q", name)
	}
	// At once, when the new controller may not have been elected yet and the former one is gone.
	helm(t, "uninstall", "restage", "--wait")
	s.unharmed(t, live)
	kube.Kubectl(t, "delete", "namespace", system, "--timeout=110s") // Helm leaves the one that it has made
	kube.Kubectl(t, "delete", "namespace", s.namespace, "--timeout=110s")
	kube.Kubectl(t, "delete", "crds", "-l", crdLabel, "--timeout=60s")
	before.SameAs(t, 3*time.Minute)
}

// crdLabel marks the kinds of the Prometheus operator.
const crdLabel = "lifecycle.restage.dev/crd=monitoring"

// prometheusOperator gives the cluster the kinds of the Prometheus operator, which hack/e2e-lifecycle.sh has made of its types.
func prometheusOperator(t *testing.T) {
	t.Helper()
	folder := os.Getenv("MONITORING_CRDS")
	if folder == "" {
		t.Fatal("MONITORING_CRDS names no folder: run hack/e2e-lifecycle.sh")
	}
	kube.Kubectl(t, "apply", "--server-side", "-f", folder)
	kube.Kubectl(t, "label", "-f", folder, crdLabel)
	t.Cleanup(func() {
		kube.CleanUp(t, 2*time.Minute, "delete", "crds", "-l", crdLabel, "--ignore-not-found", "--timeout=110s")
	})
	kube.Kubectl(t, "wait", "--for=condition=Established", "crd", "-l", crdLabel, "--timeout=60s")
}

// monitor is a ServiceMonitor or a PodMonitor, as far as it selects.
type monitor struct {
	Metadata struct{ Name string }
	Spec     struct {
		Selector            struct{ MatchLabels map[string]string }
		NamespaceSelector   struct{ Any bool }
		Endpoints           []struct{ Port string }
		PodMetricsEndpoints []struct{ Port string }
	}
}

// monitorsSelect checks that the cluster has taken all monitors as they were given, and that what they select is there and has the ports that
// they name. Of responders there are none without an environment, and proxies are found by the names of their containers.
func monitorsSelect(t *testing.T) {
	found := map[string]bool{}
	for _, of := range []struct{ kind, selected, ports string }{
		{"servicemonitors", "services", "{.items[*].spec.ports[*].name}"},
		{"podmonitors", "pods", "{.items[*].spec.containers[*].ports[*].name}"},
	} {
		var list struct{ Items []monitor }
		if err := json.Unmarshal([]byte(kube.Kubectl(t, "-n", system, "get", of.kind, "-o", "json")), &list); err != nil {
			t.Fatal(err)
		}
		for _, m := range list.Items {
			found[m.Metadata.Name] = true
			if m.Spec.NamespaceSelector.Any {
				continue
			}
			var labels []string
			for key, value := range m.Spec.Selector.MatchLabels {
				labels = append(labels, key+"="+value)
			}
			ports := " " + kube.Kubectl(t, "-n", system, "get", of.selected, "-l", strings.Join(labels, ","), "-o", "jsonpath="+of.ports) + " "
			for _, endpoint := range append(m.Spec.Endpoints, m.Spec.PodMetricsEndpoints...) {
				if !strings.Contains(ports, " "+endpoint.Port+" ") {
					t.Errorf("%s selects %s with the ports%s, and not %q", m.Metadata.Name, of.selected, ports, endpoint.Port)
				}
			}
		}
	}
	want := map[string]bool{"restage-apiserver": true, "restage-controller": true, "restage-forwarder": true, "restage-proxy": true, "restage-responder": true}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("monitors: want - found +\n%s", diff)
	}
	if alerts := kube.Kubectl(t, "-n", system, "get", "prometheusrules", "restage", "-o", "jsonpath={.spec.groups[*].rules[*].alert}"); len(strings.Fields(alerts)) < 10 {
		t.Errorf("the alerts are %q", alerts)
	}
	for name, port := range map[string]int{"restage-controller": 8081, "restage-forwarder": 4144} {
		pod := kube.Kubectl(t, "-n", system, "get", "pods", "-l", "app.kubernetes.io/name="+name, "-o", "jsonpath={.items[0].metadata.name}")
		metrics := kube.Kubectl(t, "get", "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:%d/proxy/metrics", system, pod, port))
		if !strings.Contains(metrics, "\nrestage_") {
			t.Errorf("%s has no metrics of ours", name)
		}
	}
}
