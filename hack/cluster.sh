# shellcheck shell=bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the demo and the end-to-end test: which cluster to use and how images get there. KUBECONFIG wins, then
# kind, then hack/localcluster. Reads root; sets CLUSTER (existing, kind or local), exports KUBECONFIG and puts kubectl on the PATH.

# shellcheck disable=SC2154 # root is set by who sources this
choose_cluster() {
  if [ -n "${KUBECONFIG:-}" ]; then
    CLUSTER=existing
    if [ "$KUBECONFIG" = "$("$root"/hack/localcluster/kubeconfig.sh 2>/dev/null)" ]; then CLUSTER=local; fi
  elif command -v kind >/dev/null; then
    CLUSTER=kind
    kind get clusters 2>/dev/null | grep -qx "${KIND_CLUSTER:-restage}" || kind create cluster --name "${KIND_CLUSTER:-restage}"
    KUBECONFIG=$(mktemp)
    kind get kubeconfig --name "${KIND_CLUSTER:-restage}" >"$KUBECONFIG"
  else
    CLUSTER=local
    "$root"/hack/localcluster/up.sh
    KUBECONFIG=$("$root"/hack/localcluster/kubeconfig.sh)
  fi
  export CLUSTER KUBECONFIG
  if [ "$CLUSTER" = local ]; then
    PATH=$("$root"/hack/localcluster/kubectl.sh --path):$PATH
    export PATH
  fi
  command -v kubectl >/dev/null || { echo "kubectl is not on the PATH" >&2; return 1; }
}

# load_images TAR... : into every node of the cluster that choose_cluster chose.
load_images() {
  case $CLUSTER in
    local) "$root"/hack/localcluster/load.sh "$@" ;;
    kind) for tar in "$@"; do kind load image-archive --name "${KIND_CLUSTER:-restage}" "$tar"; done ;;
    existing)
      if command -v kind >/dev/null && [[ "$(kubectl config current-context)" == kind-* ]]; then
        for tar in "$@"; do kind load image-archive --name "$(kubectl config current-context | sed s/^kind-//)" "$tar"; done
      else
        echo "images are expected to be in the cluster already; their tar files: $*" >&2
      fi ;;
  esac
}
