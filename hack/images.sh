#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# images.sh [polyglot] : build the image of every part, and those of the demo, and load them into the cluster; with polyglot also
# the one of the end-to-end test of TLS and HTTP/2. What has not changed since it was last loaded is not loaded again.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=hack/cluster.sh
. "$root/hack/cluster.sh"
cd "$root"
choose_cluster

out=${XDG_CACHE_HOME:-$HOME/.cache}/restage/images
mkdir -p "$out"
# one at a time: the tar files are shared by all clusters
exec 8>"$out/lock"
flock 8

echo "building the binaries"
make -s build
for part in apiserver controller forwarder proxy responder generator; do
  hack/image/mkimage.sh -o "$out/$part.tar" -ref "localhost/restage/$part:dev" -user 65532:65532 \
    -entrypoint "/restage-$part" "bin/restage-$part=/restage-$part:755" "=/tmp:1777" >/dev/null
done

echo "building podinfo, the demo's application, and the clients of the tests"
podinfo() { # VERSION TAG
  (cd hack/demo/podinfo && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X github.com/stefanprodan/podinfo/pkg/version.VERSION=$1" \
    -o "$root/bin/podinfo-$2" github.com/stefanprodan/podinfo/cmd/podinfo)
  hack/image/mkimage.sh -o "$out/podinfo-$2.tar" -ref "localhost/restage/podinfo:$2" -user 65532:65532 \
    -entrypoint /podinfo "bin/podinfo-$2=/podinfo:755" "=/tmp:1777" "=/data:1777" >/dev/null
}
podinfo 6.9.2 current
podinfo 6.10.0 next

# what tries to get out of an environment in the tests, with all that root in a container may
CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/restless ./test/restless
hack/image/mkimage.sh -o "$out/restless.tar" -ref localhost/restage/restless:dev -user 0:0 -entrypoint /restless "bin/restless=/restless:755" >/dev/null
[ -e "$out/client.tar" ] || hack/image/client.sh "$out/client.tar" >/dev/null
tars=("$out"/*.tar)
if [ "${1:-}" = polyglot ]; then
  mkdir -p "$out/polyglot" # apart from the others, which every test loads
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/polyglot ./test/polyglot
  hack/image/polyglot.sh "$out/polyglot/polyglot.tar" bin/polyglot >/dev/null
  tars+=("$out/polyglot/polyglot.tar")
fi

# what is loaded is remembered by the cluster's own identity, so that a new cluster gets everything
cluster=$(kubectl get namespace kube-system -o jsonpath='{.metadata.uid}')
stamp=$out/loaded.$cluster
touch "$stamp"
changed=()
for tar in "${tars[@]}"; do
  sum=$(sha256sum "$tar" | cut -d' ' -f1)
  grep -qx "$sum $(basename "$tar")" "$stamp" || changed+=("$tar")
done
if [ ${#changed[@]} -gt 0 ]; then
  echo "loading ${#changed[@]} images into the cluster"
  load_images "${changed[@]}"
  sha256sum "${tars[@]}" | sed 's#  .*/# #' >"$stamp"
fi
