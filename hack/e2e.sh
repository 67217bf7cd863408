#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# e2e.sh : the end-to-end test on a real cluster. A throwaway cluster that it started itself is ended again.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=hack/cluster.sh
. hack/cluster.sh
if [ -z "${KUBECONFIG:-}" ] && ! hack/localcluster/kubeconfig.sh >/dev/null 2>&1 && ! command -v kind >/dev/null; then
  trap "trap '' TERM; hack/localcluster/down.sh" EXIT # make sends TERM once more to what has it already
fi
choose_cluster
hack/images.sh polyglot
hack/install.sh
if [ "$CLUSTER" = local ] && ! command -v tcpdump >/dev/null; then # the test watches a node with it
  { apt-get update && apt-get install -y --no-install-recommends tcpdump; } >/dev/null
fi
go test -count=1 -timeout 45m -parallel 6 -v -tags e2e ./test/e2e/... "$@" # those that are parallel mostly wait
