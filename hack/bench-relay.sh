#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# bench-relay.sh ARGS... : compare the relay of restage-proxy with toxiproxy and httputil.ReverseProxy. Needs no root and no cluster.
# Arguments go to test/bench/relaybench (--help).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
toxiproxy=github.com/Shopify/toxiproxy/v2/cmd/server@v2.5.0
programs=$(mktemp -d)
trap 'rm -rf "$programs"' EXIT
export CGO_ENABLED=0
go build -trimpath -ldflags '-s -w' -o "$programs/" ./cmd/restage-proxy ./test/bench/relaypeer ./test/bench/relaybench
GOBIN=$programs go install -trimpath -ldflags '-s -w' "$toxiproxy"
"$programs/relaybench" --relaypeer "$programs/relaypeer" --toxiproxy "$programs/server" --restage-proxy "$programs/restage-proxy" "$@"
