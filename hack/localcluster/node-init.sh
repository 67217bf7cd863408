#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# node-init.sh N : the first process inside the fresh network, mount, cgroup and uts namespaces of node N. It furnishes
# them and then stays, so that they stay. Nothing that it mounts or sets is seen outside.
set -euo pipefail
# shellcheck source=settings.sh
. "$(dirname "${BASH_SOURCE[0]}")/settings.sh"
# shellcheck source=cgroup.sh
. "$HERE/cgroup.sh"
node=node$1
fs=$RUN/$node/fs # what the node writes goes here

mount --make-rprivate /
mount -t sysfs sysfs /sys # shows the network devices of this namespace
cgroup_mount "$node"

while read -r dir; do
  mkdir -p "$fs$dir"
  mount --bind "$fs$dir" "$dir"
done < <(node_dirs)

# The kubelet insists on these values, and they belong to the whole machine: show it what it wants to see.
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1; do
  file=$fs/sysctl/${setting%=*}
  mkdir -p "${file%/*}"
  echo "${setting#*=}" >"$file"
  mount --bind "$file" "/proc/sys/${setting%=*}"
done
hostname "$node"
# these belong to the network namespace
set_sysctl() { if [ -e "/proc/sys/net/$1" ]; then echo "$2" >"/proc/sys/net/$1"; fi; }
set_sysctl ipv4/ip_forward 1
set_sysctl ipv4/conf/all/rp_filter 0
set_sysctl ipv4/conf/default/rp_filter 0
set_sysctl bridge/bridge-nf-call-iptables 1

mount --make-rshared / # mount propagation into pods
touch "$RUN/$node/ready"
exec sleep infinity
