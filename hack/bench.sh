#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# bench.sh ARGS... : compare our types with the same objects as CRDs behind one kube-apiserver, and show what very many of them cost.
# Needs no root. Kubernetes is compiled when hack/localcluster has not done so yet. Arguments go to test/bench/apibench (--help).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
hack/localcluster/build.sh
programs=$(mktemp -d)
trap 'rm -rf "$programs"' EXIT
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$programs/" ./cmd/restage-apiserver ./test/bench/apibench
"$programs/apibench" --kubernetes "$(hack/localcluster/kubectl.sh --path)" --restage-apiserver "$programs/restage-apiserver" "$@"
