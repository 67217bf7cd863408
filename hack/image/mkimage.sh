#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# mkimage.sh -o OUT.tar -ref NAME:TAG [flags] SRC=DST[:MODE] ... : build the image maker (a moment, Go caches it) and
# run it in the caller's directory, so that relative paths mean what they seem to.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/restage/image
mkdir -p "$cache"
tmp=$(mktemp "$cache/.mkimage.XXXXXX")
trap 'rm -f "$tmp"' EXIT
(cd "$here" && CGO_ENABLED=0 GOOS='' GOARCH='' go build -trimpath -o "$tmp" .)
mv "$tmp" "$cache/mkimage" # in one step: two may run at once
"$cache/mkimage" "$@"
