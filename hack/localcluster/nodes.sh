# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash # sourced

# The nodes: namespaces and the network between them, and what runs on each.

# make_mount_points : the places over which a node mounts its own directories must exist outside too. Those that have to
# be made are noted, for down.sh.
make_mount_points() {
  local dir part up
  lock_dirs
  while read -r dir; do
    up=
    while read -r part; do
      up+=/$part
      [ -d "$up" ] || { mkdir "$up" && echo "$up" >>"$RUN/made-dirs"; }
    done < <(tr / '\n' <<<"${dir#/}")
  done < <(node_dirs)
  exec 7>&-
}

# load_bridge_filter : without br_netfilter, pods on the same node do not reach each other through a Service. Loading it
# must not change how the machine's own bridges behave; the nodes switch it on for themselves (node-init.sh).
load_bridge_filter() {
  local name
  [ ! -e /proc/sys/net/bridge ] || return 0
  modprobe br_netfilter || die "the kernel has no br_netfilter"
  touch "$RUN/made-br-netfilter"
  for name in iptables ip6tables arptables; do
    echo 0 >"/proc/sys/net/bridge/bridge-nf-call-$name"
  done
}

# make_lan : a bridge in a namespace of its own. Nothing connects it to the machine's network.
make_lan() {
  mountpoint -q /run/netns || touch "$RUN/made-netns-mount"
  ip netns add "$LAN"
  ip -n "$LAN" link set lo up
  ip -n "$LAN" link add br0 type bridge
  ip -n "$LAN" addr add "$LAN_NET.1/24" dev br0
  ip -n "$LAN" link set br0 up
  ip netns exec "$LAN" sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
}

make_node() { # N
  local n=$1 ns
  ns=$(node_ns "$n")
  mkdir "$RUN/node$n"
  ip netns add "$ns"
  ip -n "$ns" link set lo up
  ip -n "$LAN" link add "node$n" type veth peer name eth0 netns "$ns"
  ip -n "$LAN" link set "node$n" master br0 up
  ip -n "$ns" addr add "$(node_ip "$n")/24" dev eth0
  ip -n "$ns" link set eth0 up
  # leads nowhere, but without it a Service's address is unreachable before kube-proxy's rules are asked
  ip -n "$ns" route add default via "$LAN_NET.1"
  cgroup_create "node$n" "$ns"
  start "node$n.holder" hold_node "$n"
  wait_for 30 "the namespaces of node$n" test -e "$RUN/node$n/ready"
}

hold_node() { # N
  cgroup_join "node$1"
  exec setsid nsenter "--net=/run/netns/$(node_ns "$1")" unshare --mount --cgroup --uts -- "$HERE/node-init.sh" "$1"
}

start_containerd() { # N
  containerd_config >"$RUN/node$1/fs/etc/containerd/config.toml"
  start "node$1.containerd" in_node "$1" containerd --config /etc/containerd/config.toml
}

# import_image N FILE : by standard input, since the node sees other directories than we do
import_image() {
  (in_node "$1" ctr --namespace k8s.io images import --snapshotter "$SNAPSHOTTER" - <"$2")
}

start_kubelet() { # N
  kubelet_config "$1" >"$RUN/node$1/kubelet.yaml"
  start "node$1.kubelet" in_node "$1" "$BIN/kubelet" --config="$RUN/node$1/kubelet.yaml" \
    --kubeconfig="$PKI/kubelet-node$1.kubeconfig" --hostname-override="node$1" --node-ip="$(node_ip "$1")"
}

start_kube_proxy() { # N
  kube_proxy_config "$1" >"$RUN/node$1/kube-proxy.yaml"
  start "node$1.kube-proxy" in_node "$1" "$BIN/kube-proxy" --config="$RUN/node$1/kube-proxy.yaml"
}

pod_cidr() { kube get node "node$1" -o 'jsonpath={.spec.podCIDR}'; }
has_pod_cidr() { [ -n "$(pod_cidr "$1")" ]; }

# connect_pods N NODES : the CNI configuration of node N, and the way to its pods from the other nodes
connect_pods() {
  local n=$1 cidr m dir=$RUN/node$1/fs/etc/cni/net.d
  cidr=$(pod_cidr "$n")
  cni_config "$cidr" >"$dir/.new"
  mv "$dir/.new" "$dir/10-restage.conflist"
  for m in $(seq "$2"); do
    if [ "$m" != "$n" ]; then ip -n "$(node_ns "$m")" route replace "$cidr" via "$(node_ip "$n")"; fi
  done
}
