#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# down.sh : end the cluster and remove all that up.sh made, but what it built. CLUSTER_NAME as for up.sh.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
for part in cgroup process teardown; do
  # shellcheck disable=SC1090
  . "$HERE/$part.sh"
done

if [ ! -e "$RUN" ]; then
  echo "cluster $CLUSTER_NAME is not running"
  exit 0
fi
lock_cluster
teardown || die "the cluster could not be taken down completely; see above, and run this again"
say "cluster $CLUSTER_NAME is down"
