#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# up.sh : start a real, throwaway Kubernetes cluster on this machine. README.md says what it is made of.
#
#   NODES=1               how many nodes
#   CONTROL_PLANE_ONLY=1  only etcd, API server, controller manager and scheduler; no pod can run
#   PROXY_MODE=nftables   or iptables
#   SNAPSHOTTER=overlayfs or native, where the cache is itself on an overlay
#   CLUSTER_NAME=dev      several clusters with different names can run at once
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
for part in cgroup process packages certs node-config nodes control-plane teardown; do
  # shellcheck disable=SC1090
  . "$HERE/$part.sh"
done
wanted=${NODES:-} # empty: a running cluster of any size will do
NODES=${NODES:-1} PROXY_MODE=${PROXY_MODE:-nftables} SNAPSHOTTER=${SNAPSHOTTER:-overlayfs}
[[ $NODES =~ ^[1-9][0-9]?$ ]] || die "NODES must be a number from 1 to 99"

healthy() {
  local name
  [ -e "$RUN/up" ] || return
  for name in $(names); do running "$name" || return; done
  "$BIN/kubectl" --kubeconfig "$KUBECONFIG_FILE" --request-timeout=10s get --raw /readyz >/dev/null 2>&1
}

# A start that fails leaves nothing but its logs, and shows the one that matters.
on_exit() {
  local status=$? log=$CACHE_ROOT/failed-$CLUSTER_NAME
  trap - EXIT
  trap '' INT TERM
  [ "$status" = 0 ] && return
  echo "starting the cluster failed" >&2
  if [ -n "$FAILED_LOG" ]; then
    echo "--- the end of $FAILED_LOG.log" >&2
    tail -n 25 "$LOG/$FAILED_LOG.log" >&2 || true
    echo "---" >&2
    if grep -qs 'inotify_init: too many open files' "$LOG/$FAILED_LOG.log"; then
      echo "clusters and other programs use all $(cat /proc/sys/fs/inotify/max_user_instances) inotify instances of the machine:" \
        "end some, or raise fs.inotify.max_user_instances" >&2
    fi
  fi
  rm -rf "$log"
  cp -r "$LOG" "$log" && echo "all logs: $log" >&2
  teardown || true
  exit "$status"
}

finish() {
  touch "$RUN/up"
  rm -rf "$CACHE_ROOT/failed-$CLUSTER_NAME"
  say "cluster $CLUSTER_NAME is up"
  cat <<END

  export KUBECONFIG=$KUBECONFIG_FILE
  export PATH=$BIN:\$PATH    # kubectl $KUBERNETES_VERSION
END
}

lock_cluster
if [ -e "$RUN" ]; then
  if healthy; then
    [ -z "$wanted" ] || [ "$wanted" = "$(node_count)" ] ||
      die "a cluster of $(node_count) node(s) is running; take it down first (down.sh) to get $wanted"
    echo "cluster $CLUSTER_NAME is running already, $(node_count) node(s); KUBECONFIG=$KUBECONFIG_FILE"
    exit 0
  fi
  say "removing what is left of an earlier cluster"
  teardown
fi

mkdir -p "$LOG" "$PKI" "$PIDS" "$RUN/etcd" "$RUN/volumes"
chmod 711 "$RUN"
trap on_exit EXIT
trap 'exit 130' INT TERM
echo "$NODES" >"$RUN/nodes"
echo 'options ndots:1' >"$RUN/resolv.conf" # no name server: names of the outside mean nothing in here
install_packages
"$HERE/build.sh" 8>&-
(make_certs "$NODES")
say "certificates made"

make_mount_points
load_bridge_filter
make_lan
for n in $(seq "$NODES"); do make_node "$n"; done
say "$NODES node(s) with their namespaces and control groups"

start_etcd
start_apiserver
if [ -z "${CONTROL_PLANE_ONLY:-}" ]; then
  for n in $(seq "$NODES"); do start_containerd "$n"; done
fi
failed_log node1.kube-apiserver
wait_for 180 "the API server" kube get --raw /readyz
start_loopback
say "API server ready"

failed_log node1.kube-controller-manager
start_controller_manager
start_scheduler
if [ -n "${CONTROL_PLANE_ONLY:-}" ]; then
  wait_for 180 "the first ServiceAccount" kube get serviceaccount default
  say "controller manager at work"
  finish
  exit
fi

for n in $(seq "$NODES"); do
  failed_log "node$n.containerd"
  wait_for 60 "containerd on node$n" test -S "$RUN/node$n/fs/run/containerd/containerd.sock"
  for image in "$IMAGES"/*.tar; do
    wait_for 60 "the import of $(basename "$image") into node$n" import_image "$n" "$image"
  done
  start_kubelet "$n"
done
say "containerd has the first images"

failed_log node1.kube-controller-manager
wait_for 180 "the first objects" kube apply --server-side -f "$HERE/manifests"
start_storage_provisioner
for n in $(seq "$NODES"); do
  failed_log "node$n.kubelet"
  wait_for 180 "the registration of node$n" has_pod_cidr "$n"
  start_kube_proxy "$n"
  connect_pods "$n" "$NODES"
done
say "kubelets registered"
for n in $(seq "$NODES"); do
  failed_log "node$n.kubelet"
  wait_for 180 "node$n to be Ready" kube wait --for=condition=Ready "node/node$n" --timeout=5s
done
say "nodes Ready"
failed_log node1.kubelet
wait_for 180 "CoreDNS" kube -n kube-system wait --for=condition=Available deployment/coredns --timeout=5s
say "CoreDNS answers"
finish
