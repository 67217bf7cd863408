#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# kubectl.sh ARGS... : kubectl of the cluster's version, speaking to the cluster. kubectl.sh --path prints the directory it
# is in, to be put on the PATH.
# kubectl.sh --path  : the directory it is in, for PATH
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
if [ "${1:-}" = --path ]; then
  echo "$BIN"
  exit
fi
KUBECONFIG=$("$HERE/kubeconfig.sh")
export KUBECONFIG
exec "$BIN/kubectl" "$@"
