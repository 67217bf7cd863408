# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # sourced; the names are used by those who source it

# Where things are and what they are called. Sourced by every script here.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=versions.sh
. "$HERE/versions.sh"

export CLUSTER_NAME=${CLUSTER_NAME:-dev} KUBERNETES_VERSION
[[ $CLUSTER_NAME =~ ^[a-z0-9]{1,20}$ ]] || { echo "CLUSTER_NAME must be 1 to 20 small letters and digits" >&2; exit 1; }

# what build.sh makes; stays from one cluster to the next
CACHE_ROOT=${XDG_CACHE_HOME:-$HOME/.cache}/restage/localcluster
CACHE=$CACHE_ROOT/$KUBERNETES_VERSION
BIN=$CACHE/bin
IMAGES=$CACHE/images

# what up.sh makes and down.sh removes
RUN=$CACHE_ROOT/run/$CLUSTER_NAME
PKI=$RUN/pki
LOG=$RUN/log
PIDS=$RUN/pids
KUBECONFIG_FILE=$RUN/kubeconfig

# network and mount namespaces, control groups
PREFIX=restage-$CLUSTER_NAME
LAN=$PREFIX-lan

# addresses: they exist inside the cluster's own network namespaces only, so they cannot clash with anything outside
LAN_NET=10.77.0 POD_CIDR=10.244.0.0/16 SERVICE_CIDR=10.96.0.0/16 API_SERVICE_IP=10.96.0.1 DNS_IP=10.96.0.10
node_ip() { echo "$LAN_NET.$((10 + $1))"; }
node_ns() { echo "$PREFIX-node$1"; }
node_count() { if [ -e "$RUN/nodes" ]; then cat "$RUN/nodes"; else echo 0; fi; }

# kubectl for the scripts themselves: in node1's network, so that it does not depend on the forwarder
kube() { nsenter "--net=/run/netns/$(node_ns 1)" "$BIN/kubectl" --kubeconfig "$PKI/admin.kubeconfig" "$@"; }

say() { printf '%5.1fs  %s\n' "$(elapsed)" "$*"; }
elapsed() { awk -v a="$STARTED" -v b="$(cut -d' ' -f1 /proc/uptime)" 'BEGIN { printf "%.1f", b - a }'; }
STARTED=$(cut -d' ' -f1 /proc/uptime)

die() { echo "$(basename "$0"): $*" >&2; exit 1; }

cni_dir() { # where the CNI plugins are: of Debian's package, or as others install them
  local d
  for d in /usr/lib/cni /opt/cni/bin; do
    if [ -x "$d/bridge" ]; then echo "$d" && return; fi
  done
  return 1
}

# node_dirs : what the programs of a node write to; each node gets its own in place of the machine's
node_dirs() {
  printf '%s\n' /etc/cni/net.d /etc/containerd /opt/containerd /run/containerd /run/mount /run/netns /usr/libexec/kubernetes \
    /var/lib/cni /var/lib/containerd /var/lib/kubelet /var/log/containers /var/log/pods
}

# lock_cluster : up.sh and down.sh of the same cluster one at a time, for as long as the script runs
lock_cluster() {
  [ "$(id -u)" = 0 ] || die "must be run as root"
  mkdir -p "$CACHE_ROOT/run"
  exec 8>"$CACHE_ROOT/run/$CLUSTER_NAME.lock"
  flock --wait 600 8 || die "another up.sh or down.sh is still at work"
}

# lock_dirs : what is made of node_dirs, and removed, one cluster at a time, until fd 7 is closed
lock_dirs() {
  exec 7>"$CACHE_ROOT/run/dirs.lock"
  flock --wait 60 7 || die "another cluster is still making or removing directories"
}
