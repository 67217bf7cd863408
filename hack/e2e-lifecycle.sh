#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# e2e-lifecycle.sh [FLAG...] : installing, checking, operating and removing Restage in every way, with kubectl restage. The tests
# install and remove it themselves, so it must not be on the cluster; without one a throwaway cluster "lifecycle" is started,
# and ended afterwards.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export CLUSTER_NAME=${CLUSTER_NAME:-lifecycle}
# shellcheck source=hack/cluster.sh
. hack/cluster.sh
if [ -z "${KUBECONFIG:-}" ] && ! hack/localcluster/kubeconfig.sh >/dev/null 2>&1 && ! command -v kind >/dev/null; then
  trap 'hack/localcluster/down.sh' EXIT
fi
choose_cluster
hack/images.sh
PATH=$root/bin:$PATH
go test -count=1 -timeout 30m -v -tags e2e ./test/lifecycle "$@"
