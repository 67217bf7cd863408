#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# e2e-versions.sh [FLAG...] : the API part of the end-to-end test, which is all of it that needs no traffic, on a real cluster of
# each older minor that versions.sh names: its own kube-apiserver, controller manager, scheduler, kubelet, kube-proxy and kubectl.
# A cluster is started for each, one after the other, and ended again; KUBERNETES_VERSION=v1.36.3 runs on that one alone.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
versions=${KUBERNETES_VERSION:-}
# shellcheck source=hack/localcluster/versions.sh
. hack/localcluster/versions.sh
read -ra versions <<<"${versions:-${OLDER_KUBERNETES_VERSIONS[*]}}"
prefix=${CLUSTER_NAME:-minor}
traffic='^(TestStory|TestSubresources|TestDryRunAndRefusals)$'

trap 'hack/localcluster/down.sh >/dev/null' EXIT
unset KUBECONFIG
for version in "${versions[@]}"; do
  began=$SECONDS
  export KUBERNETES_VERSION=$version CLUSTER_NAME=$prefix${version//[^0-9]/}
  printf '\n-- Kubernetes %s\n' "$version"
  hack/localcluster/up.sh
  KUBECONFIG=$(hack/localcluster/kubeconfig.sh) hack/e2e.sh -skip "$traffic" "$@"
  hack/localcluster/down.sh
  echo "-- Kubernetes $version: passed in $((SECONDS - began)) s"
done
