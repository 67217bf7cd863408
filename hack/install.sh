#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# install.sh : install this build from artifacts/dev and wait until the API answers. Pods whose image changed under the same
# name are restarted.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
run() { printf '\n$ %s\n' "$*"; "$@"; }

run kubectl apply -k "$root/artifacts/dev"
sums=$(cd "$root/bin" && sha256sum restage-apiserver restage-controller restage-forwarder | sha256sum | cut -c1-16)
if [ "$(kubectl -n restage-system get configmap restage-build -o jsonpath='{.data.sum}' 2>/dev/null)" != "$sums" ]; then
  if kubectl -n restage-system get configmap restage-build >/dev/null 2>&1; then
    kubectl -n restage-system rollout restart deployment
  fi
  kubectl -n restage-system create configmap restage-build --from-literal=sum="$sums" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
fi
run kubectl -n restage-system rollout status deployment/restage-apiserver --timeout=180s
run kubectl -n restage-system rollout status deployment/restage-controller --timeout=180s
until kubectl get apiservice v1alpha1.replay.restage.dev >/dev/null 2>&1; do sleep 0.5; done
run kubectl wait --for=condition=Available apiservice/v1alpha1.replay.restage.dev --timeout=180s
until kubectl -n restage-system get deployment restage-forwarder >/dev/null 2>&1; do sleep 0.5; done
run kubectl -n restage-system rollout status deployment/restage-forwarder --timeout=180s
