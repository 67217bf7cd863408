#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# kubeconfig.sh : print the path of the cluster's kubeconfig, and nothing else.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
# shellcheck source=process.sh
. "$HERE/process.sh"
if ! { [ -e "$RUN/up" ] && running loopback; }; then
  die "no cluster is running (up.sh starts one)"
fi
echo "$KUBECONFIG_FILE"
