#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# build.sh : compile everything a cluster runs that does not come from Debian, and make the two images that it needs to
# start. What is there already and up to date is left alone. Several may run at once: the later ones wait.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"

command -v go >/dev/null || die "Go is needed to build the cluster (https://go.dev/dl)"
export CGO_ENABLED=0 GOOS='' GOARCH='' GOWORK=off

mkdir -p "$BIN" "$IMAGES" "$CACHE/stamps" "$CACHE/log"
exec 9>"$CACHE/lock"
if ! flock --nonblock 9; then
  echo "another build is running: waiting for it"
  flock 9
fi

stamp_of() { # FILE... : one word that changes when the version or a file does
  { echo "$KUBERNETES_VERSION"; cat -- "$@"; } | sha256sum | cut -d' ' -f1
}

# build FUNCTION NAME STAMP : run FUNCTION unless that was done with the same sources; tell how it goes
build() {
  local function=$1 name=$2 stamp=$3 log=$CACHE/log/$1.log pid start next now
  [ "$(cat "$CACHE/stamps/$function" 2>/dev/null)" != "$stamp" ] || return 0
  start=$SECONDS next=15
  echo "compiling $name"
  # in a subshell with a process group of its own, so that an interrupted build ends with all its compilers
  set -m
  (set -euo pipefail; "$function") >"$log" 2>&1 9>&- &
  pid=$!
  set +m
  # shellcheck disable=SC2064 # this pid, not a later one
  trap "kill -- -$pid 2>/dev/null; exit 130" INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    read -r -t 1 <> <(:) || true # a pause that needs no process
    now=$((SECONDS - start))
    if [ "$now" -ge "$next" ]; then
      echo "compiling $name: $((now / 60))m$((now % 60))s, $(grep -cv '^go: ' "$log" || true) packages so far"
      next=$((now + 15))
    fi
  done
  if ! wait "$pid"; then
    trap - INT TERM
    tail -n 30 "$log" >&2
    die "compiling $name failed; the whole log is $log"
  fi
  trap - INT TERM
  echo "$stamp" >"$CACHE/stamps/$function"
  echo "compiled $name in $((SECONDS - start)) s"
}

# go_build OUTPUT ARGS... : into place in one step, since a cluster may be running from the old file
go_build() {
  local out=$1
  shift
  go build -v -trimpath -o "$out.new" "$@"
  mv "$out.new" "$out"
}

kubernetes() {
  local dir=$CACHE/src/kubernetes x=() p
  rm -rf "$dir"
  "$HERE/kubernetes/module.sh" "$KUBERNETES_VERSION" "$dir"
  local minor=${KUBERNETES_VERSION#v1.}
  for p in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    x+=(-X "$p.gitVersion=$KUBERNETES_VERSION" -X "$p.gitMajor=1" -X "$p.gitMinor=${minor%%.*}" -X "$p.gitTreeState=archive")
  done
  cd "$dir"
  export GOFLAGS=-mod=mod
  go_build "$BIN/kubernetes" -ldflags "-s -w ${x[*]}" .
  for p in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl storage-provisioner; do
    ln -sf kubernetes "$BIN/$p"
  done
  go_build "$BIN/etcd" -ldflags '-s -w' go.etcd.io/etcd/server/v3
}

coredns() {
  cd "$HERE/coredns"
  go_build "$BIN/coredns" -ldflags '-s -w' .
  "$HERE/../image/mkimage.sh" -o "$IMAGES/coredns.tar" -ref localhost/restage/coredns:dev -entrypoint /coredns \
    "$BIN/coredns=/coredns"
}

helpers() {
  cd "$HERE"
  go_build "$BIN/loopback" -ldflags '-s -w' ./loopback
  go_build "$BIN/pause" -ldflags '-s -w' ./pause
  "$HERE/../image/mkimage.sh" -o "$IMAGES/pause.tar" -ref localhost/restage/pause:dev -user 65535:65535 -entrypoint /pause \
    "$BIN/pause=/pause"
}

image_sources=("$HERE"/../image/*.go "$HERE/../image/mkimage.sh")
build kubernetes "Kubernetes $KUBERNETES_VERSION and etcd" "$(stamp_of "$HERE"/kubernetes/*)"
build coredns CoreDNS "$(stamp_of "$HERE"/coredns/* "${image_sources[@]}")"
build helpers "the helper programs" "$(stamp_of "$HERE"/{loopback,pause}/*.go "$HERE"/go.{mod,sum} "${image_sources[@]}")"
