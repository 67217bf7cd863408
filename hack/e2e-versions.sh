#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# e2e-versions.sh [FLAG...] : the API part of the end-to-end test, which is all of it that needs no traffic, on a real cluster of
# each older minor that versions.sh names: its own kube-apiserver, controller manager, scheduler, kubelet, kube-proxy and kubectl.
# The clusters run side by side, since the tests mostly wait, and are ended again. VERSIONS="v1.36.3" runs on that one alone.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=hack/localcluster/versions.sh
. hack/localcluster/versions.sh
read -ra versions <<<"${VERSIONS:-${OLDER_KUBERNETES_VERSIONS[*]}}"
prefix=${CLUSTER_NAME:-minor}
traffic='^(TestStory|TestSubresources|TestDryRunAndRefusals|TestCLIDailyWork|TestStatefulSet|TestFaultMatrix|TestPolyglot|TestReplayWithoutNetAdmin)$'
logs=$(mktemp -d)
unset KUBECONFIG

on() { # VERSION COMMAND... : with the cluster of that version chosen
  (
    export KUBERNETES_VERSION=$1 CLUSTER_NAME=$prefix${1//[^0-9]/}
    shift
    "$@"
  )
}

prepare() {
  hack/localcluster/up.sh
  KUBECONFIG=$(hack/localcluster/kubeconfig.sh)
  export KUBECONFIG PATH="$(hack/localcluster/kubectl.sh --path):$PATH"
  hack/images.sh
}

api_tests() {
  CLUSTER=local go test -count=1 -timeout 30m -parallel 4 -v -tags e2e ./test/e2e -skip "$traffic" "$@"
}

end_clusters() {
  trap '' TERM # make sends it once more to what has it already
  for pid in "${pids[@]}"; do kill -- "-$pid" 2>/dev/null || true; done
  wait || true # nothing is to start a part of a cluster that is being ended
  for version in "${versions[@]}"; do on "$version" hack/localcluster/down.sh >/dev/null || true; done
  rm -rf "$logs"
}

# what kube-apiserver does by itself for templates that we have written to, and what we do where it cannot; each test says which it is for
template_tests() {
  PATH="$root/bin:$PATH" go test -count=1 -timeout 20m -v -tags e2e ./test/lifecycle -run '^(TestOwnersDecide|TestTemplatesStayWhole|TestPodsAreLetIn|TestPodsAreLetInAsTheyGetTheProxy|TestPodsAreLetInByTheWebhook|TestOldCluster)$'
}

all_of_it() {
  prepare
  [ $# -gt 0 ] || template_tests # they install by themselves
  hack/install.sh
  api_tests "$@"
}

began=$SECONDS
pids=() failed=()
trap end_clusters EXIT
set -m # each in a group of its own, so that all of it can be ended
for version in "${versions[@]}"; do
  on "$version" all_of_it "$@" >"$logs/$version" 2>&1 </dev/null &
  pids+=($!)
done
set +m
for i in "${!versions[@]}"; do
  wait "${pids[$i]}" || failed+=("${versions[$i]}")
  unset "pids[$i]"
  printf '\n-- Kubernetes %s, after %d s\n' "${versions[$i]}" $((SECONDS - began))
  cat "$logs/${versions[$i]}"
done
[ ${#failed[@]} -eq 0 ] || { echo "failed on Kubernetes ${failed[*]}" >&2; exit 1; }
