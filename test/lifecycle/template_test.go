// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/edit"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
	"github.com/restage-dev/restage/test/kube"
)

// kept is a workload of a kube-apiserver, of which nobody runs pods, with a proxy that reads TLS in its template.
type kept struct {
	*testing.T
	ref        v1alpha1.WorkloadReference
	kubeconfig string
	client     workload.Client
}

// manifest is what its owner keeps: containers with a variable and a mount of their own.
func (k kept) manifest(name, init, containers string) string {
	var text strings.Builder
	fmt.Fprintf(&text, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s, namespace: default}
spec:
  replicas: 0
  selector: {matchLabels: {app: kept}}
  template:
    metadata: {labels: {app: kept}}
    spec:
      volumes: [{name: scratch, emptyDir: {}}]
`, name)
	container := func(name string) {
		fmt.Fprintf(&text, "      - {name: %s, image: app:1, env: [{name: OWN, value: a}], volumeMounts: [{name: scratch, mountPath: /scratch}]}\n", name)
	}
	if init != "" {
		text.WriteString("      initContainers:\n")
		container(init)
	}
	text.WriteString("      containers:\n")
	for name := range strings.FieldsSeq(containers) {
		container(name)
	}
	return text.String()
}

func (k kept) kubectl(stdin string, args ...string) string {
	k.Helper()
	out, err := kube.Run(k.Context(), stdin, "kubectl", append([]string{"--kubeconfig", k.kubeconfig}, args...)...)
	if err != nil {
		k.Fatalf("%s: %v", k.ref.Name, err)
	}
	return out
}

func (k kept) live() *workload.Workload {
	k.Helper()
	w, err := k.client.Get(k.Context(), "default", k.ref)
	if err != nil {
		k.Fatal(err)
	}
	return w
}

// write puts the proxy in as the controller does, or takes it out.
func (k kept) write(in bool) {
	k.Helper()
	if !in {
		if err := capture.Strip(k.Context(), k.client, "default", k.ref); err != nil {
			k.Fatal(err)
		}
		return
	}
	template := k.live().Template.DeepCopy()
	injection.Remove(template)
	injection.Capture(injection.CaptureOptions{
		Image: "proxy:1", Template: *template, Settings: wiring.CaptureSettings{DescriptorSet: "descriptors"},
		TLS: injection.TLS{Outbound: true, Inbound: "inbound", ClientCertificate: "client", TrustedCAs: "added"},
	}).AddTo(template)
	k.change(template)
}

func (k kept) change(template *corev1.PodTemplateSpec) {
	k.Helper()
	w := k.live()
	if _, err := edit.Write(k.Context(), k.client, w, edit.Change{Template: template, Annotations: w.GetAnnotations()}, capture.FieldManager); err != nil {
		k.Fatal(err)
	}
}

// TestOwnersDecide sets what we have set, and renames, removes and adds containers of templates that we have written to, in every usual way, on a kube-apiserver with nothing
// of Restage alive. All of it is accepted, and without the proxy each template is what its manifest gives, to the byte.
func TestOwnersDecide(t *testing.T) {
	kubeconfig := withoutFrontProxy(t)
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	for name, commands := range map[string][2]string{
		"client-side": {"apply", "apply"}, "server-side": {"apply --server-side", "apply --server-side"}, "mixed": {"apply", "apply --server-side"}, "replaced": {"create", "replace"},
	} {
		t.Run(name, func(t *testing.T) {
			k := kept{t, v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name}, kubeconfig, workload.Client{Kube: client}}
			change := func(command, init, containers string) {
				t.Helper()
				k.kubectl(k.manifest(name, init, containers), append(strings.Fields(command), "-f", "-")...)
			}
			change(commands[0], "prepare", "app helper")
			k.write(true)
			const app, own = "{name: app, image: app:1, env: [", "{name: app, image: app:1, env: [{name: SSL_CERT_FILE, value: /own}, "
			k.kubectl(strings.Replace(k.manifest(name, "prepare", "app helper"), app, own, 1), append(strings.Fields(commands[1]), "-f", "-")...)
			if value := k.kubectl("", "get", "deployment", name, "-o", `jsonpath={.spec.template.spec.containers[0].env[?(@.name=="SSL_CERT_FILE")].value}`); value != "/own" {
				t.Errorf("the variable that its owner sets is %q", value)
			}
			change(commands[1], "prepare", "app renamed")
			if containers := k.containers(); strings.Contains(containers, "helper") {
				t.Errorf("a container that its owner has renamed is left: %s", containers)
			}
			if name != "server-side" && name != "mixed" { // whoever sets an image owns it then
				k.kubectl("", "set", "image", "deployment/"+name, "renamed=app:2")
			}
			change(commands[1], "", "app")
			change(commands[1], "other", "app helper")
			k.write(true)
			if containers := k.containers(); containers != "restage-proxy restage-init other+ app+ helper+" {
				t.Errorf("with the proxy again the containers, and + those that trust it, are %s", containers)
			}
			k.write(false)
			const template = "jsonpath={.spec.template}"
			want := k.kubectl(k.manifest("twin", "other", "app helper"), "create", "--dry-run=server", "-o", template, "-f", "-")
			if got := k.kubectl("", "get", "deployment", name, "-o", template); got != want {
				t.Errorf("the template is\n%s\nand its manifest gives\n%s", got, want)
			}
			if edit.IsManaged(k.live(), capture.FieldManager) {
				t.Errorf("we have a say in it: %v", k.live().GetManagedFields())
			}
		})
	}
}

// containers are those of the template by their names, with + those that trust the proxy.
func (k kept) containers() string {
	k.Helper()
	var all []string
	spec := k.live().Template.Spec
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		name := c.Name
		if slices.ContainsFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == "SSL_CERT_FILE" }) {
			name += "+"
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}
