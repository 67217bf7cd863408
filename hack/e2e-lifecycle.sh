#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# e2e-lifecycle.sh [FLAG...] : installing, checking, operating and removing Restage in every way, with kubectl restage. The tests
# install and remove it themselves, so it must not be on the cluster; without one throwaway clusters "lifecycle" and "lifecycle2" are
# started, share the tests out, and are ended afterwards. Flags are those of go test; with any, one cluster does.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export CLUSTER_NAME=${CLUSTER_NAME:-lifecycle}
# shellcheck source=hack/cluster.sh
. hack/cluster.sh
if [ -z "${KUBECONFIG:-}" ] && ! hack/localcluster/kubeconfig.sh >/dev/null 2>&1 && ! command -v kind >/dev/null; then
  throwaway=yes
fi
made=${LIFECYCLE_QUEUE:-$(mktemp -d)} # the queue, when this is the second of two
finish() {
  trap '' TERM # make sends it once more to what has it already
  if [ -n "${other:-}" ]; then
    kill -- "-$other" 2>/dev/null || true
    wait "$other" || true
  fi
  if [ -n "${throwaway:-}" ]; then hack/localcluster/down.sh; fi
  [ -n "${LIFECYCLE_QUEUE:-}" ] || rm -rf "$made"
}
trap finish EXIT

# Helm, and the kinds of the Prometheus operator, made of its types as it makes them itself.
make_tools() {
  (cd test/helm && go build -o "$made/helm" helm.sh/helm/v3/cmd/helm)
  (cd test/monitoring && go tool controller-gen crd output:crd:dir="$MONITORING_CRDS" \
    paths=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1)
  find "$MONITORING_CRDS" -type f ! -name '*_servicemonitors.yaml' ! -name '*_podmonitors.yaml' ! -name '*_prometheusrules.yaml' -delete
}

# make_queue : the names of all tests, those first that take longest
make_queue() {
  go test -c -tags e2e -o "$made/lifecycle.test" ./test/lifecycle
  "$made/lifecycle.test" -test.list '^Test' >"$made/all"
  awk '/^Test(Removal|Rotation|Check|Namespaced)$/ { print; next } { others = others $0 "\n" } END { printf "%s", others }' "$made/all" >"$made/queue"
}

next_test() { # takes the first off the queue
  (flock 9; head -n 1 "$made/queue"; sed -i 1d "$made/queue") 9>"$made/lock"
}

# run_queue : runs one test after the other until none is left. What each has to say is printed as it ends.
run_queue() {
  local test status=0
  while test=$(next_test) && [ -n "$test" ]; do
    (cd test/lifecycle && "$made/lifecycle.test" -test.v -test.timeout 30m -test.run "^$test\$") >"$made/$test.log" 2>&1 || status=1
    flock "$made/lock" cat "$made/$test.log"
  done
  return "$status"
}

# The tests mostly wait, and each wants the cluster for itself: two clusters take them off one queue.
export MONITORING_CRDS=$made/crds
[ -n "${LIFECYCLE_QUEUE:-}" ] || make_tools
if [ -n "${throwaway:-}" ] && [ $# -eq 0 ] && [ -z "${LIFECYCLE_QUEUE:-}" ]; then
  make_queue
  # in a group of its own, so that all of it can be ended
  LIFECYCLE_QUEUE=$made CLUSTER_NAME=${CLUSTER_NAME}2 setsid hack/e2e-lifecycle.sh &
  other=$!
fi
choose_cluster
hack/images.sh
PATH=$made:$root/bin:$PATH
if [ ! -e "$made/queue" ]; then
  go test -count=1 -timeout 45m -v -tags e2e ./test/lifecycle "$@"
  exit
fi
status=0
run_queue || status=$?
if [ -n "${other:-}" ]; then
  wait "$other" || status=$?
  other=
fi
exit "$status"
