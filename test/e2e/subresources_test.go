// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

// TestSubresources uploads what was recorded as another snapshot, replays that, cancels a replay, and follows the log of one for longer
// than kube-apiserver lets ordinary requests run.
func TestSubresources(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.client(t, "visitor", `for i in 1 2 3 4 5; do curl -sS -d "hello $i" http://front:9898/echo; done`)
	s.snapshot(t, "small")
	create := func(name, rest string) {
		kube.MustApply(t, strings.NewReplacer("NS", s.namespace, "name: bad", "name: "+name).Replace(badHeader)+rest+"\n")
	}
	path := func(resource string) string {
		return "/apis/replay.restage.dev/v1alpha1/namespaces/" + s.namespace + "/" + resource
	}

	t.Run("upload", func(t *testing.T) {
		recorded := kube.Kubectl(t, "get", "--raw", path("trafficsnapshots/small/records")) + "\n"
		file := filepath.Join(t.TempDir(), "small.ndjson")
		if err := os.WriteFile(file, []byte(recorded), 0o600); err != nil {
			t.Fatal(err)
		}
		create("copy", "kind: TrafficSnapshot\nspec: {workloadRef: {name: front}, upload: {}}")
		s.kubectl(t, "wait", `--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=AwaitingUpload`, "trafficsnapshot/copy", "--timeout=30s")
		kube.Kubectl(t, "create", "--raw", path("trafficsnapshots/copy/upload"), "-f", file)
		s.kubectl(t, "wait", "--for=condition=Ready", "trafficsnapshot/copy", "--timeout=60s")
		if uploaded := kube.Kubectl(t, "get", "--raw", path("trafficsnapshots/copy/records")) + "\n"; uploaded != recorded {
			t.Errorf("recorded was\n%.2000s\nthe upload reads\n%.2000s", recorded, uploaded)
		}
	})

	t.Run("replay of an upload", func(t *testing.T) {
		s.inTime(t, "uploaded", func(name string) { s.replay(t, "replay-same.yaml", "same-image", name, "copy") }).passed(t)
	})

	mocks := func(name, timeout string) {
		create(name, "kind: TrafficReplay\nspec: {snapshotName: small, mode: MocksOnly, timeout: "+timeout+"}")
	}

	t.Run("cancel", func(t *testing.T) {
		mocks("unwanted", "10m")
		s.kubectl(t, "wait", "--for=condition=Running", "trafficreplay/unwanted", "--timeout=120s")
		if _, err := kube.Run(t.Context(), `{"reason": "the build was withdrawn"}`, "kubectl", "create", "--raw", path("trafficreplays/unwanted/cancel"), "-f", "-"); err != nil {
			t.Fatal(err)
		}
		status := s.finished(t, "unwanted")
		if passed, reason, message := status.condition("Passed"); passed != "False" || reason != "Cancelled" || !strings.Contains(message, "the build was withdrawn") {
			t.Errorf("Passed=%s, %s: %s", passed, reason, message)
		}
		if names := s.kubectl(t, "get", "trafficreplays", "--field-selector=status.phase=Cancelled", "-o", "name"); !strings.HasSuffix(names, "/unwanted") {
			t.Errorf("cancelled are %q", names)
		}
		if _, err := kube.Run(t.Context(), `{}`, "kubectl", "create", "--raw", path("trafficreplays/unwanted/cancel"), "-f", "-"); err == nil || !strings.Contains(err.Error(), "ended") {
			t.Errorf("cancelling what has ended: %v", err)
		}
	})

	t.Run("log", func(t *testing.T) {
		mocks("long", "75s")
		began := time.Now()
		log := kube.Kubectl(t, "get", "--raw", path("trafficreplays/long/log?follow=true"))
		if took := time.Since(began); took < 70*time.Second {
			t.Errorf("the log broke off after %s", took)
		}
		for _, want := range []string{"taken up", "mocks", "nothing that the replay made is left"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log does not say %q:\n%s", want, log)
			}
		}
	})
}
