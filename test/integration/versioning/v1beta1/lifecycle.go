// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1beta1

// The release of Restage in which each kind came into this version. A server that emulates an older one neither serves nor stores
// it. These are not made by prerelease-lifecycle-gen, which deprecates a version after three releases: the generic server
// compares that with the version of Kubernetes, and would warn of it in every answer.

// APILifecycleIntroduced returns the release, major and minor.
func (*TrafficReplay) APILifecycleIntroduced() (major, minor int) { return 0, 2 }

// APILifecycleIntroduced returns the release, major and minor.
func (*TrafficReplayList) APILifecycleIntroduced() (major, minor int) { return 0, 2 }
