// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"fmt"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
	"github.com/restage-dev/restage/test/terminal"
)

// devImages are those of a local build.
var devImages = []string{"--registry", "localhost", "--tag", "dev"}

// restage runs the plugin by way of kubectl.
func restage(t *testing.T, args ...string) string {
	t.Helper()
	return kube.Kubectl(t, append([]string{"restage"}, args...)...)
}

// uninstall is how an installation goes whose way back is not a way of its own.
func uninstall(t *testing.T) { restage(t, "uninstall", "--yes") }

// deletePrinted is kubectl restage install | kubectl delete -f -, for the local build.
func deletePrinted(t *testing.T) {
	t.Helper()
	printed := restage(t, append([]string{"install"}, devImages...)...)
	if _, err := kube.Run(t.Context(), printed, "kubectl", "delete", "-f", "-", "--timeout=120s"); err != nil {
		t.Fatal(err)
	}
}

func TestInstallByPipe(t *testing.T) {
	thereAndBack(t, func(*shop) {
		kube.MustApply(t, restage(t, append([]string{"install"}, devImages...)...))
		awaitReady(t)
	}, deletePrinted)
}

func TestInstallByKustomize(t *testing.T) {
	folder := t.TempDir() + "/restage"
	thereAndBack(t, func(*shop) {
		restage(t, append([]string{"install", "--output-dir", folder}, devImages...)...)
		kube.Kubectl(t, "apply", "-k", folder)
		awaitReady(t)
	}, func(t *testing.T) {
		kube.Kubectl(t, "delete", "-k", folder, "--timeout=120s")
	})
}

func TestInstallByWizard(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	thereAndBack(t, func(s *shop) {
		s.kubectl(t, "annotate", "deployment/front", "capture.restage.dev/enabled-")
		wizard(t, s, "kubectl restage install --registry localhost --tag dev | kubectl apply -f -")
		// it has waited for all of this
		kube.Kubectl(t, "wait", "--for=condition=Available", "apiservice/"+apiService, "--timeout=1s")
		for _, name := range []string{"restage-apiserver", "restage-controller", "restage-forwarder"} {
			kube.Kubectl(t, "-n", system, "wait", "--for=condition=Available", "deployment/"+name, "--timeout=1s")
		}
		s.kubectl(t, "wait", "--for=condition=Ready", "trafficcapture/front", "--timeout=1s")
	}, uninstall)
}

// wizard answers the questions: once with what is not allowed, and otherwise mostly with Enter. In the end it prints the command that does the same.
func wizard(t *testing.T, s *shop, same string) {
	const soon = 2 * time.Minute
	user, command := terminal.Start(t, "kubectl", append([]string{"restage", "install", "--wizard"}, devImages...)...)
	reply := func(answer string, printed ...string) {
		t.Helper()
		for _, text := range printed {
			user.Expect(soon, text)
		}
		user.Answer(answer)
	}
	reply("", "Is this the right one? [Y/n]: ")
	reply("Not A Name", "Namespace [restage-system]: ")
	reply("", `"Not A Name"`, "Namespace [restage-system]: ")
	reply("", "in all namespaces", "1-2 [1]: ")
	reply("", "a volume of its own", "1-2 [1]: ")
	reply("", "one server", "1-2 [1]: ")
	reply("", "Your registry, such as registry.example/mirror [localhost]: ")
	reply("", "Secrets to pull with, comma separated [none]: ")
	user.Expect(soon, "What is watched for admission.") // a reason, which stands in the manifests
	user.Expect(soon, "objects to ")
	if system := kube.Kubectl(t, "get", "namespace", system, "--ignore-not-found", "-o", "name"); system != "" {
		t.Errorf("%s was made before consent", system)
	}
	user.Answer("y")
	user.Expect(8*time.Minute, "Record, by number or name [none]: ")
	user.Answer(s.namespace + "/front")
	user.Expect(5*time.Minute, same)
	reply("", "Write them to [none]: ")
	user.Expect(soon, "Restage is installed")
	if err := command.Wait(); err != nil {
		t.Fatalf("%v after:\n%s", err, user.Text())
	}
}

// Before consent the wizard can be left, and has changed nothing.
func TestWizardInterrupted(t *testing.T) {
	before := kube.TakeSnapshot(t)
	user, command := terminal.Start(t, "kubectl", "restage", "install", "--wizard")
	user.Expect(time.Minute, "Is this the right one?")
	user.Answer("y")
	user.Expect(time.Minute, "Namespace [restage-system]: ")
	user.Type("\x03")
	user.Expect(time.Minute, "error: interrupted; nothing has been changed")
	_ = command.Wait()
	if code := command.ProcessState.ExitCode(); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	before.SameAs(t, time.Minute)
}

// thereAndBack installs in some way, records, replays and removes in some way. The cluster is then as it was.
func thereAndBack(t *testing.T, install func(*shop), remove func(*testing.T)) {
	before := kube.TakeSnapshot(t)
	s := openShop(t)
	install(s)
	if diff := restage(t, append([]string{"install", "--diff"}, devImages...)...); diff != "" { // with a difference it would exit 1
		t.Errorf("what was installed is not what is printed:\n%s", diff)
	}
	s.record(t)
	live := s.live(t)
	s.passes(t)
	if after := s.live(t); after != live {
		t.Errorf("the replay changed the live front from\n%s\nto\n%s", live, after)
	}
	remove(t)
	kube.Kubectl(t, "delete", "namespace", s.namespace, "--timeout=110s")
	before.SameAs(t, 3*time.Minute)
}

// passes runs a replay, which passes. On a machine that is busy with other things one can be late, and then it is made again, as a user would.
func (s *shop) passes(t *testing.T) {
	t.Helper()
	const attempts = 4
	for attempt := range attempts {
		name := fmt.Sprintf("try-%d", attempt)
		_, err := kube.Run(t.Context(), "", "kubectl", "restage", "-n", s.namespace, "replay", "run", name, "--snapshot", "monday", "--timeout", "5m")
		if err == nil {
			return
		}
		reason := s.kubectl(t, "get", "trafficreplay", name, "-o", `jsonpath={.status.conditions[?(@.type=="Passed")].reason}`)
		if reason != "InvalidLate" {
			t.Fatal(err)
		}
	}
	t.Fatalf("%d replays were late", attempts)
}
