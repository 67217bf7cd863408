// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"testing"

	"github.com/restage-dev/restage/test/kube"
)

// TestInstall installs, records and replays, which all that is tested here rests upon, and removes it in order.
func TestInstall(t *testing.T) {
	s := openShop(t)
	before := s.live(t)
	install(t)
	s.record(t)
	s.replay(t)
	s.kubectl(t, "annotate", "deployment/front", "capture.restage.dev/enabled-")
	s.kubectl(t, "delete", "trafficreplays,trafficsnapshots,trafficcaptures", "--all", "--timeout=60s")
	kube.Kubectl(t, "delete", "-k", dev, "--timeout=110s")
	if after := s.live(t); after != before {
		t.Errorf("the front was\n%s\nand is\n%s", before, after)
	}
}
