#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# module.sh vX.Y.Z DIR : write a Go module into DIR in which k8s.io/kubernetes and these files can be compiled.
#
# The go.mod of Kubernetes cannot be required as it is: its staging modules are named v0.0.0 and replaced by folders of
# the same repository, and replacements count only in the main module. So its go.mod becomes ours, and the staging
# modules get the version they are published under: v1.37.2 is v0.37.2 there. All other pins stay as they are.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$1 dir=$2
staging=v0.${version#v1.}

export GOFLAGS=-mod=mod
src=$(cd / && go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
if [ ! -e "$src/go.mod" ]; then
  echo "module.sh: k8s.io/kubernetes@$version could not be downloaded" >&2
  exit 1
fi

mkdir -p "$dir"
cp "$here"/*.go "$dir/"
sed -e 's#^module k8s\.io/kubernetes$#module localcluster#' \
  -e "s#^\(\t\|require \)\(k8s\.io/[a-z0-9-]*\) v0\.0\.0\$#\1\2 $staging#" \
  -e '/=> \.\/staging\//d' "$src/go.mod" >"$dir/go.mod"
cp "$src/go.sum" "$dir/go.sum"
chmod u+w "$dir/go.sum"
go -C "$dir" mod edit "-require=k8s.io/kubernetes@$version"
