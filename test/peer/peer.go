// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package peer finds the real servers and clients that tests speak to, installs them from Debian where that is possible, and serves connections.
package peer

import (
	"os"
	"os/exec"
	"testing"
)

// Need returns when the program is on the path. Where it is not, root on a Debian gets it from the package; elsewhere the test is skipped,
// and says what it lacks. Services that a package brings are not started.
func Need(t testing.TB, program, debianPackage string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Geteuid() != 0 {
		t.Skipf("needs %s, of the Debian package %s", program, debianPackage)
	}
	// What the package lists say may be old or missing; when they cannot be had the installation says so.
	_, _ = apt(t, "update", "-q")
	out, err := apt(t, "install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", debianPackage)
	if _, missing := exec.LookPath(program); missing != nil {
		t.Skipf("needs %s, and the Debian package %s could not be installed: %v\n%s", program, debianPackage, err, out)
	}
}

func apt(t testing.TB, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(t.Context(), "apt-get", arguments...)
	// In runlevel 1 invoke-rc.d starts nothing.
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
	return command.CombinedOutput()
}
