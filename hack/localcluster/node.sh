#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# node.sh N COMMAND... : run a command on node N: in its network, with its mounts, in its control group (so that
# down.sh ends it too).
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
for part in cgroup process; do
  # shellcheck disable=SC1090
  . "$HERE/$part.sh"
done
[ $# -ge 2 ] || die "usage: node.sh N COMMAND..."
n=$1
shift
running "node$n.holder" || die "there is no node$n (up.sh starts a cluster; NODES=$n or more for this one)"
in_node "$n" "$@"
