#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# e2e-lifecycle.sh [FLAG...] : installing, checking, operating and removing Restage in every way, with kubectl restage. The tests
# install and remove it themselves, so it must not be on the cluster; without one throwaway clusters "lifecycle" and "lifecycle2" are
# started, and ended afterwards. Flags are those of go test; with any, one cluster does.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export CLUSTER_NAME=${CLUSTER_NAME:-lifecycle}
# shellcheck source=hack/cluster.sh
. hack/cluster.sh
if [ -z "${KUBECONFIG:-}" ] && ! hack/localcluster/kubeconfig.sh >/dev/null 2>&1 && ! command -v kind >/dev/null; then
  throwaway=yes
fi
made=$(mktemp -d)
finish() {
  trap '' TERM # make sends it once more to what has it already
  if [ -n "${other:-}" ]; then
    kill -- "-$other" 2>/dev/null || true
    wait "$other" || true
  fi
  rm -rf "$made"
  if [ -n "${throwaway:-}" ]; then hack/localcluster/down.sh; fi
}
trap finish EXIT
# The tests mostly wait, and each wants the cluster for itself: half of them run on a second one meanwhile, and print what they have to say in
# the end.
if [ -n "${throwaway:-}" ] && [ $# -eq 0 ]; then
  half='^(TestCheck|TestCheckBeforeInstalling|TestHelm|TestManualInjection|TestNamespaced|TestRotation)$'
  # in a group of its own, so that all of it can be ended
  CLUSTER_NAME=${CLUSTER_NAME}2 setsid hack/e2e-lifecycle.sh -run "$half" >"$made/other.log" 2>&1 &
  other=$!
  set -- -skip "$half"
fi
choose_cluster
hack/images.sh
PATH=$root/bin:$PATH
# Helm, and the kinds of the Prometheus operator, made of its types as it makes them itself.
export MONITORING_CRDS=$made/crds
(cd test/helm && go build -o "$made/helm" helm.sh/helm/v3/cmd/helm)
(cd test/monitoring && go tool controller-gen crd output:crd:dir="$MONITORING_CRDS" \
  paths=github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1)
find "$MONITORING_CRDS" -type f ! -name '*_servicemonitors.yaml' ! -name '*_podmonitors.yaml' ! -name '*_prometheusrules.yaml' -delete
PATH=$made:$PATH
status=0
go test -count=1 -timeout 45m -v -tags e2e ./test/lifecycle "$@" || status=$?
if [ -n "${other:-}" ]; then
  wait "$other" || status=$?
  other=
  cat "$made/other.log"
fi
exit "$status"
