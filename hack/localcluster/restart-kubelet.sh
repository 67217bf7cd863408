#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# restart-kubelet.sh N : kill the kubelet of node N without warning and start it anew. Its pods run on meanwhile.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
for part in cgroup process node-config nodes; do
  # shellcheck disable=SC1090
  . "$HERE/$part.sh"
done
[ $# = 1 ] || die "usage: restart-kubelet.sh N"
running "node$1.kubelet" || die "there is no kubelet on node$1 (up.sh starts a cluster)"
signal KILL "node$1.kubelet"
while running "node$1.kubelet"; do sleep 0.1; done
start_kubelet "$1"
