// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restage-dev/restage/pkg/wiring"
)

// TestProbeInNamespace tells a pod that can be recorded and isolated from one that may not write rules, and what is reached from what
// is not.
func TestProbeInNamespace(t *testing.T) {
	pod, outside := newPod(t)
	binary := buildProxy(t)
	outside.listen("10.99.0.1:4143")
	probe := func(prefix ...string) wiring.ProbeResult {
		t.Helper()
		output := filepath.Join(t.TempDir(), "result")
		if err := os.WriteFile(output, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		command := append(prefix, binary, "probe", "--output="+output, "--resolve=localhost",
			"--connect=10.99.0.1:4143", "--connect=10.99.0.1:4144")
		pod.run(command[0], command[1:]...)
		data, err := os.ReadFile(output)
		if err != nil {
			t.Fatal(err)
		}
		var result wiring.ProbeResult
		if err := json.Unmarshal(data, &result); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		return result
	}

	powerless := probe("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--no-new-privs")
	if !strings.Contains(powerless.Capture, "not permitted") || !strings.Contains(powerless.Isolate, "not permitted") {
		t.Errorf("without NET_ADMIN: %+v", powerless)
	}
	well := probe()
	if well.Capture != "" || well.Isolate != "" || well.Kernel == "" {
		t.Errorf("the rules: %+v", well)
	}
	if well.Names["localhost"] != "" || well.Connect["10.99.0.1:4143"] != "" || !strings.Contains(well.Connect["10.99.0.1:4144"], "refused") {
		t.Errorf("names and addresses: %+v", well)
	}
}
