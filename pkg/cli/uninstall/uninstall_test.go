// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/cli/exit"
	"github.com/restage-dev/restage/pkg/uninstall"
)

// A trial fails when something would be left behind, whatever goes on in spite of it.
func TestShowFailsForWhatWouldBeLeft(t *testing.T) {
	pods := []uninstall.Object{{Kind: "Deployment", Namespace: "shop", Name: "front"}}
	for name, test := range map[string]struct {
		plan uninstall.Plan
		code int
	}{
		"nothing": {uninstall.Plan{Remove: pods, Keep: pods}, 0},
		"refused": {uninstall.Plan{Blockers: pods}, exit.Failed},
		"rescue":  {uninstall.Plan{Remove: pods, Leave: pods}, exit.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			o := &options{streams: genericiooptions.NewTestIOStreamsDiscard()}
			if code := exit.Code(o.show(&test.plan)); code != test.code {
				t.Errorf("the exit code is %d, want %d", code, test.code)
			}
		})
	}
}
