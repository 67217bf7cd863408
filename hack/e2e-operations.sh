#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# e2e-operations.sh [FLAG...] : what the docs say about running the server: backup and restore, metrics, and a rollout and an upgrade
# of three servers under a stream of writes and watches. The tests install and remove Restage, so it must not be on the cluster;
# without one a throwaway cluster "operations" is started, and ended afterwards.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export CLUSTER_NAME=${CLUSTER_NAME:-operations}
# shellcheck source=hack/cluster.sh
. hack/cluster.sh
if [ -z "${KUBECONFIG:-}" ] && ! hack/localcluster/kubeconfig.sh >/dev/null 2>&1 && ! command -v kind >/dev/null; then
  trap "trap '' TERM; hack/localcluster/down.sh" EXIT # make sends TERM once more to what has it already
fi
choose_cluster
hack/images.sh
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/etcd go.etcd.io/etcd/server/v3
hack/image/mkimage.sh -o bin/etcd.tar -ref localhost/restage/etcd:dev -user 65532:65532 -entrypoint /etcd bin/etcd=/etcd:755 >/dev/null
# the next version, to upgrade to
mkdir -p bin/next
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X github.com/restage-dev/restage/pkg/release.gitVersion=v0.2.0' -o bin/next/ \
  ./cmd/restage-{apiserver,controller,forwarder}
for part in apiserver controller forwarder; do
  hack/image/mkimage.sh -o "bin/next/$part.tar" -ref "localhost/restage/$part:next" -user 65532:65532 \
    -entrypoint "/restage-$part" "bin/next/restage-$part=/restage-$part:755" "=/tmp:1777" >/dev/null
done
load_images bin/etcd.tar bin/next/{apiserver,controller,forwarder}.tar
PATH=$root/bin:$PATH
go test -count=1 -timeout 30m -v -tags e2e ./test/operations "$@"
