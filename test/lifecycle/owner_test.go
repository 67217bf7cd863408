// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

// owner is somebody who keeps a Deployment in a manifest, and how.
type owner struct {
	name    string
	replica int
	// write brings a manifest onto the cluster for the first time, and change another one later.
	write, change func(t *testing.T, manifest string)
	// sets tells that the owner uses kubectl set besides; server-side apply takes that for somebody else's.
	sets bool
}

// app is a Deployment of these containers, each with a variable and a mount of its own.
func (o owner) app(namespace, init string, containers ...string) string {
	var text strings.Builder
	fmt.Fprintf(&text, `apiVersion: apps/v1
kind: Deployment
metadata: {name: %s, namespace: %s}
spec:
  replicas: %d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 1
      volumes: [{name: scratch, emptyDir: {}}]
`, o.name, namespace, o.replica)
	container := func(name, command string) {
		fmt.Fprintf(&text, `      - name: %s
        image: localhost/restage/client:dev
        imagePullPolicy: IfNotPresent
        command: [/bin/sh, -c, "%s"]
        env: [{name: OWN, value: %[1]s}]
        volumeMounts: [{name: scratch, mountPath: /scratch}]
`, name, command)
	}
	if init != "" {
		text.WriteString("      initContainers:\n")
		container(init, "true")
	}
	text.WriteString("      containers:\n")
	for _, name := range containers {
		container(name, "sleep 100000")
	}
	return text.String()
}

// withKubectl is an owner's command that takes a manifest. To replace is to get and to put, between which the cluster may write its own status: then one does it again.
func withKubectl(args ...string) func(*testing.T, string) {
	const attempts = 5
	return func(t *testing.T, manifest string) {
		t.Helper()
		var out string
		var err error
		for range attempts {
			out, err = kube.Run(t.Context(), manifest, "kubectl", append(args, "-f", "-")...)
			if err == nil {
				return
			}
			if args[0] != "replace" || !strings.Contains(err.Error(), "the object has been modified") {
				break
			}
		}
		t.Errorf("kubectl %s is refused: %v %s", strings.Join(args, " "), err, out)
	}
}

// withHelm is an owner's command that takes a chart with a manifest in it.
func withHelm(release string, args ...string) func(*testing.T, string) {
	return func(t *testing.T, manifest string) {
		t.Helper()
		chart := t.TempDir()
		for file, text := range map[string]string{
			"Chart.yaml": "apiVersion: v2\nname: app\nversion: 0.1.0\n", "templates/app.yaml": manifest,
		} {
			path := filepath.Join(chart, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if out, err := kube.Run(t.Context(), "", "helm", append(args, release, chart)...); err != nil {
			t.Errorf("helm %s is refused: %v %s", args[0], err, out)
		}
	}
}

// ownersDecide has workloads recorded whose TLS is read, for which their own containers are written to, ends the controller, and has their owners
// rename, remove and add containers in every usual way. All of it is accepted. The controller follows when it is back, and after the
// captures every template is what its owner's manifest gives, to the byte.
func ownersDecide(t *testing.T) {
	namespace := kube.Namespace(t, "owners")
	kube.Kubectl(t, "create", "namespace", namespace)
	kubectl := func(args ...string) string {
		t.Helper()
		return kube.Kubectl(t, append([]string{"-n", namespace}, args...)...)
	}
	owners := []owner{
		{"client-side", 1, withKubectl("apply"), withKubectl("apply"), true},
		{"server-side", 1, withKubectl("apply", "--server-side"), withKubectl("apply", "--server-side"), false},
		{"mixed", 0, withKubectl("apply"), withKubectl("apply", "--server-side"), false},
		{"replaced", 0, withKubectl("create"), withKubectl("replace"), true},
		{"released", 0, withHelm("released", "install", "-n", namespace), withHelm("released", "upgrade", "-n", namespace), true},
	}
	const first, second, third = "app", "helper", "renamed"
	var names []string
	var captures strings.Builder
	for _, o := range owners {
		names = append(names, o.name)
		o.write(t, o.app(namespace, "prepare", first, second))
		fmt.Fprintf(&captures, "---\napiVersion: replay.restage.dev/v1alpha1\nkind: TrafficCapture\nmetadata: {name: %s, namespace: %s}\n"+
			"spec: {workloadRef: {name: %[1]s}, tls: {outbound: Intercept}}\n", o.name, namespace)
	}
	kube.MustApply(t, captures.String())
	// trusting are the containers of a workload's template, and the proxy, each with how many of the variables for trust it has.
	trusting := func(name string) string {
		return kubectl("get", "deployment", name, "-o", `jsonpath={range .spec.template.spec['initContainers','containers'][*]}{.name}{range .env[?(@.name=="SSL_CERT_FILE")]}+{end} {end}`)
	}
	recorded := func(containers string) {
		t.Helper()
		for _, name := range names {
			kube.Eventually(t, time.Minute, name+" is recorded", func() (bool, string) {
				now := trusting(name)
				return now == "restage-proxy restage-init "+containers, now
			})
		}
	}
	recorded("prepare+ app+ helper+")
	running := func() {
		t.Helper()
		for _, name := range names[:2] {
			kube.Eventually(t, 2*time.Minute, name+" runs with the proxy", func() (bool, string) {
				ready := kubectl("get", "trafficcapture", name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")]}`)
				return strings.Contains(ready, `"status":"True"`), ready + kubectl("get", "pods", "-l", "app="+name, "-o", "jsonpath={.items[*].status}")
			})
		}
	}
	running()

	scaledToNothing("restage-controller")(t)
	// A pod with the network of its node starts before the proxy can be taken out, and must not have the rules written there.
	onNode := func(value string) {
		kubectl("patch", "deployment", names[0], "-p", `{"spec":{"template":{"spec":{"hostNetwork":`+value+`}}}}`)
	}
	onNode("true")
	kube.Eventually(t, 2*time.Minute, "the node's network is left alone", func() (bool, string) {
		log, err := kube.Run(t.Context(), "", "kubectl", "-n", namespace, "logs", "-l", "app="+names[0], "-c", "restage-init", "--tail=-1")
		return strings.Contains(log, "network of its node"), fmt.Sprint(log, err)
	})
	onNode("null")

	for _, o := range owners {
		o.change(t, o.app(namespace, "prepare", first, third)) // renamed
		if o.sets {
			kubectl("set", "image", "deployment/"+o.name, third+"=localhost/restage/podinfo:current")
		}
		o.change(t, o.app(namespace, "", first))              // removed, and the last init container, too
		o.change(t, o.app(namespace, "other", first, second)) // added
	}
	kube.Kubectl(t, "-n", system, "scale", "deployment/restage-controller", "--replicas=1")
	recorded("other+ app+ helper+")
	running()

	kubectl("delete", "trafficcaptures", "--all", "--timeout=60s")
	for _, o := range owners {
		const template = "jsonpath={.spec.template}"
		manifest := o.app(namespace, "other", first, second)
		want, err := kube.Run(t.Context(), strings.Replace(manifest, "{name: "+o.name+",", "{name: twin,", 1), "kubectl", "create", "--dry-run=server", "-o", template, "-f", "-")
		if err != nil {
			t.Fatal(err)
		}
		if got := kubectl("get", "deployment", o.name, "-o", template); got != want {
			t.Errorf("%s: the template is\n%s\nand its manifest gives\n%s", o.name, got, want)
		}
		if managers := kubectl("get", "deployment", o.name, "--show-managed-fields", "-o", "jsonpath={.metadata.managedFields[*].manager}"); strings.Contains(managers, "restage") {
			t.Errorf("%s: %s have a say in it", o.name, managers)
		}
	}
	kube.Kubectl(t, "delete", "namespace", namespace, "--timeout=110s")
}
