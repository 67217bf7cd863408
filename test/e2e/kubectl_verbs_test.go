// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

// verbs is a namespace in which kubectl is tried.
type verbs struct {
	namespace string
}

func (v verbs) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return kube.Kubectl(t, append([]string{"-n", v.namespace}, args...)...)
}

func (v verbs) profile(name string, changes ...string) string {
	return strings.NewReplacer(changes...).Replace(inNamespace(profileManifest, v.namespace, "NAME", name))
}

func (v verbs) speed(t *testing.T, name, want string) {
	t.Helper()
	if got := v.kubectl(t, "get", "profile", name, "-o", "jsonpath={.spec.load.speed}"); got != want {
		t.Errorf("the speed of %s is %s, want %s", name, got, want)
	}
}

// TestKubectlVerbs tries what a user of Kubernetes does with any resource.
func TestKubectlVerbs(t *testing.T) {
	t.Parallel()
	v := verbs{kube.Namespace(t, "e2e-verbs")}
	kube.MustApply(t, inNamespace(idleFront, v.namespace))
	kube.MustApply(t, inNamespace(openSnapshotManifest, v.namespace, "NAME", "open"))
	t.Run("explain", v.explain)
	t.Run("get", v.get)
	t.Run("watch", v.watch)
	t.Run("edit", v.edit)
	t.Run("diff", v.diff)
	t.Run("replace", v.replace)
	t.Run("prune", v.prune)
	t.Run("apply set", v.applySet)
	t.Run("describe and wait", v.describe)
}

func (v verbs) explain(t *testing.T) {
	for resource, field := range map[string]string{
		"trafficcaptures": "lastRecordTime", "trafficsnapshots": "contentHash", "replayprofiles": "missStatus",
		"environments": "responderAddress", "environmentclasses": "nodeSelector", "trafficreplays": "ttlAfterFinished",
	} {
		if out := kube.Kubectl(t, "explain", resource, "--recursive"); !strings.Contains(out, field) || !strings.Contains(out, "replay.restage.dev") {
			t.Errorf("explain %s lacks %s:\n%.1000s", resource, field, out)
		}
	}
	if out := kube.Kubectl(t, "explain", "replay.status.phase"); !strings.Contains(out, "ENUM") || !strings.Contains(out, "Cancelled") {
		t.Errorf("explain of the phase:\n%s", out)
	}
}

func (v verbs) get(t *testing.T) {
	kube.MustApply(t, v.profile("listed"))
	kube.MustApply(t, inNamespace(environmentManifest, v.namespace, "NAME", "listed"))
	out := kube.Kubectl(t, "get", "restage", "-A")
	for _, want := range []string{"replayprofile.replay.restage.dev/listed", "environment.replay.restage.dev/listed", "trafficsnapshot.replay.restage.dev/open"} {
		if !strings.Contains(out, want) {
			t.Errorf("get restage -A lacks %s:\n%s", want, out)
		}
	}
	for _, name := range []string{"env", "envs", "environment", "environments", "environments.replay.restage.dev", "environments.v1alpha1.replay.restage.dev"} {
		if out := v.kubectl(t, "get", name, "listed", "-o", "wide"); !strings.Contains(out, "RESPONDER") || !strings.Contains(out, "open") {
			t.Errorf("get %s -o wide:\n%s", name, out)
		}
	}
	for selector, want := range map[string]string{
		"spec.snapshotName=open": "environment.replay.restage.dev/listed", "spec.snapshotName=other": "",
		"spec.snapshotName=open,metadata.name!=listed": "",
	} {
		if out := v.kubectl(t, "get", "environments", "--field-selector", selector, "-o", "name"); out != want {
			t.Errorf("%s selects %q, want %q", selector, out, want)
		}
	}
	if _, err := kube.Run(t.Context(), "", "kubectl", "-n", v.namespace, "get", "environments", "--field-selector=spec.speling=x"); err == nil ||
		!strings.Contains(err.Error(), "spec.snapshotName") {
		t.Errorf("an unknown field: %v", err)
	}
	v.kubectl(t, "delete", "environment,profile", "listed")
}

func (v verbs) watch(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	printed := make(chan string)
	go func() {
		out, _ := kube.Run(ctx, "", "kubectl", "-n", v.namespace, "get", "profiles", "-w", "--output-watch-events")
		printed <- out
	}()
	var out string
	for seen := false; !seen; { // until the watch has begun and ended, objects come and go
		kube.MustApply(t, v.profile("seen"))
		v.kubectl(t, "delete", "profile", "seen")
		select {
		case out = <-printed:
			seen = true
		default:
		}
	}
	for _, want := range []string{"EVENT", "SPEED", "ADDED", "DELETED", "seen"} {
		if !strings.Contains(out, want) {
			t.Errorf("the watch lacks %s:\n%.1000s", want, out)
		}
	}
}

func (v verbs) edit(t *testing.T) {
	kube.MustApply(t, v.profile("edited"))
	editor := func(script string) (string, error) {
		return kube.Run(t.Context(), "", "env", "KUBE_EDITOR=sed -i '"+script+"'", "kubectl", "-n", v.namespace, "edit", "profile", "edited")
	}
	if out, err := editor(`s/^    speed: .*/    speed: "3"/`); err != nil || !strings.Contains(out, "edited") {
		t.Errorf("edit: %s, error %v", out, err)
	}
	v.speed(t, "edited", "3")
	version := v.kubectl(t, "get", "profile", "edited", "-o", "jsonpath={.metadata.resourceVersion}")
	if _, err := editor(`s/nothing/nothing/`); err != nil {
		t.Errorf("an edit that changes nothing: %v", err)
	}
	if after := v.kubectl(t, "get", "profile", "edited", "-o", "jsonpath={.metadata.resourceVersion}"); after != version {
		t.Errorf("an edit that changes nothing made version %s of %s", after, version)
	}
}

func (v verbs) diff(t *testing.T) {
	kube.MustApply(t, v.profile("differing"))
	if out, err := kube.Run(t.Context(), v.profile("differing"), "kubectl", "diff", "-f", "-"); err != nil || out != "" {
		t.Errorf("no difference: %s, error %v", out, err)
	}
	for _, args := range [][]string{{"diff", "-f", "-"}, {"diff", "--server-side", "--force-conflicts", "-f", "-"}} {
		out, err := kube.Run(t.Context(), v.profile("differing", `"1"`, `"2"`), "kubectl", args...)
		if err == nil || !strings.Contains(out, `-    speed: "1"`) || !strings.Contains(out, `+    speed: "2"`) {
			t.Errorf("%v: %s, error %v", args, out, err)
		}
	}
	v.speed(t, "differing", "1")
}

func (v verbs) replace(t *testing.T) {
	kube.MustApply(t, v.profile("replaced"))
	if _, err := kube.Run(t.Context(), v.profile("replaced", `"1"`, `"4"`), "kubectl", "replace", "-f", "-"); err != nil {
		t.Error(err)
	}
	v.speed(t, "replaced", "4")
}

func (v verbs) prune(t *testing.T) {
	profile := func(name string) string { return v.profile(name, "set: one", "set: pruned") }
	kube.MustApply(t, profile("kept")+"---"+profile("pruned"))
	out := kube.MustApply(t, profile("kept"), "--prune", "-l", "set=pruned", "--namespace", v.namespace,
		"--prune-allowlist=replay.restage.dev/v1alpha1/ReplayProfile")
	if !strings.Contains(out, "replayprofile.replay.restage.dev/pruned pruned") {
		t.Errorf("apply --prune: %s", out)
	}
	if left := v.kubectl(t, "get", "profiles", "-l", "set=pruned", "-o", "name"); left != "replayprofile.replay.restage.dev/kept" {
		t.Errorf("apply --prune left %s", left)
	}
}

func (v verbs) applySet(t *testing.T) {
	apply := func(manifest string) {
		t.Helper()
		_, err := kube.Run(t.Context(), manifest, "env", "KUBECTL_APPLYSET=true", "kubectl", "-n", v.namespace, "apply", "-f", "-", "--prune", "--applyset=configmaps/ours")
		if err != nil {
			t.Fatal(err)
		}
	}
	apply(v.profile("member", "set: one", "set: two") + "---" + v.profile("leaver", "set: one", "set: two"))
	apply(v.profile("member", "set: one", "set: two"))
	if left := v.kubectl(t, "get", "profiles", "-l", "set=two", "-o", "name"); left != "replayprofile.replay.restage.dev/member" {
		t.Errorf("the apply set holds %s", left)
	}
}

// describe shows the events that the operator wrote; the phase can be selected and waited for.
func (v verbs) describe(t *testing.T) {
	kube.MustApply(t, strings.Replace(inNamespace(replayManifest, v.namespace, "NAME", "told"), "timeout: 1h", "timeout: 3s", 1))
	v.kubectl(t, "wait", "--for=jsonpath={.status.phase}=Error", "trafficreplay/told", "--timeout=120s")
	if out := v.kubectl(t, "get", "replays", "--field-selector=status.phase=Error,spec.snapshotName=open", "-o", "name"); out != "trafficreplay.replay.restage.dev/told" {
		t.Errorf("status.phase=Error selects %q", out)
	}
	if out := v.kubectl(t, "get", "replay", "told"); !strings.Contains(out, "Error: Timeout") {
		t.Errorf("get prints\n%s", out)
	}
	kube.Eventually(t, time.Minute, "describe shows the events", func() (bool, string) {
		out := v.kubectl(t, "describe", "trafficreplay", "told")
		_, events, found := strings.Cut(out, "Events:")
		return found && strings.Contains(events, "Started") && strings.Contains(events, "Timeout"), out
	})
	uid := v.kubectl(t, "get", "replay", "told", "-o", "jsonpath={.metadata.uid}")
	involved := v.kubectl(t, "get", "events", "--field-selector=involvedObject.uid="+uid+",reason=Started",
		"-o", "jsonpath={.items[0].involvedObject.apiVersion} {.items[0].involvedObject.kind} {.items[0].involvedObject.name}")
	if involved != "replay.restage.dev/v1alpha1 TrafficReplay told" {
		t.Errorf("the event is about %q", involved)
	}
	if version := v.kubectl(t, "get", "events", "--field-selector=involvedObject.uid="+uid+",reason=Started", "-o", "jsonpath={.items[0].involvedObject.resourceVersion}"); version == "" {
		t.Error("the event does not say which version it is about")
	}
}
