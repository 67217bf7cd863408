// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package release says which release of Restage a program is of. It imports only the standard library, so that the server and the
// plugin both can use it.
package release

import (
	"runtime"
	"runtime/debug"
)

const (
	// Release of Restage that this is, major and minor. The lifecycle tags of the types speak of releases.
	Release = "0.1"
	// Version is the tag of the images that this release installs.
	Version = "v" + Release + ".0"
)

// gitVersion is what git describe says of the sources: -ldflags "-X github.com/restage-dev/restage/pkg/release.gitVersion=v0.1.0-3-gabcdef".
var gitVersion = Version

// Info is the version of a program as kubectl prints its own.
type Info struct {
	GitVersion string `json:"gitVersion"`
	// GitCommit and GitTreeState (clean or dirty) are empty where the program was built outside of a checkout.
	GitCommit    string `json:"gitCommit,omitempty"`
	GitTreeState string `json:"gitTreeState,omitempty"`
	// GitCommitTime is RFC 3339.
	GitCommitTime string `json:"gitCommitTime,omitempty"`
	GoVersion     string `json:"goVersion"`
	Platform      string `json:"platform"`
}

// Get returns the version of this program.
func Get() Info {
	info := Info{GitVersion: gitVersion, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	for _, setting := range build.Settings {
		switch setting.Key {
		case "vcs.revision":
			info.GitCommit = setting.Value
		case "vcs.time":
			info.GitCommitTime = setting.Value
		case "vcs.modified":
			info.GitTreeState = "clean"
			if setting.Value == "true" {
				info.GitTreeState = "dirty"
			}
		}
	}
	return info
}
