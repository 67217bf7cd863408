# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # sourced

# The one place that names the Kubernetes version. etcd is the version that Kubernetes' go.mod names; CoreDNS is pinned
# in coredns/go.mod; containerd, runc and the CNI plugins are Debian's.
KUBERNETES_VERSION=${KUBERNETES_VERSION:-v1.37.2}

# What hack/e2e-versions.sh tests besides: the newest patches of the two minors before that the module proxy has.
OLDER_KUBERNETES_VERSIONS=(v1.36.3 v1.35.4)
