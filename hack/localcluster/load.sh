#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# load.sh IMAGE.tar... : put images (OCI or Docker archives) onto every node.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
for part in cgroup process nodes; do
  # shellcheck disable=SC1090
  . "$HERE/$part.sh"
done
SNAPSHOTTER=${SNAPSHOTTER:-overlayfs}
[ $# -gt 0 ] || die "usage: load.sh IMAGE.tar..."
running node1.containerd || die "no cluster with nodes is running (up.sh starts one)"
for image; do
  [ -r "$image" ] || die "cannot read $image"
  for n in $(seq "$(node_count)"); do
    import_image "$n" "$image" >/dev/null || die "the import of $image into node$n failed"
  done
  echo "loaded $image"
done
