# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash # sourced

# Taking a cluster down, or what is left of one. Everything in it is throwaway, so nothing is asked to end nicely:
# whatever runs in the control groups of the nodes goes at once, and the namespaces take the mounts with them. Returns
# name their status, because in a trap (up.sh) a bare one gives the status from before the trap.

teardown() {
  local node dir ns
  end loopback
  for dir in "$RUN"/node*/; do
    if [ -d "$dir" ]; then
      node=$(basename "$dir")
      end_node "$node" || return 1
      cgroup_remove_soon "$node" || return 1
    fi
  done
  cgroup_restore
  for ns in "/run/netns/$PREFIX"-{lan,node[0-9]*}; do
    if [ -e "$ns" ]; then ip netns del "$(basename "$ns")"; fi
  done
  # `ip netns` had to mount this to begin with; others may use it by now
  if [ -e "$RUN/made-netns-mount" ] && [ -z "$(ls /run/netns)" ]; then
    umount /run/netns || true
  fi
  if [ -e "$RUN/made-br-netfilter" ]; then
    modprobe -r br_netfilter 2>/dev/null || true # stays if somebody else has begun to use it
  fi
  remove_mount_points
  rm -rf --one-file-system "$RUN"
}

# remove_mount_points : a directory that goes takes along what is mounted over it in any namespace, so that the last of the
# clusters removes what the first has made
remove_mount_points() {
  local other
  lock_dirs
  touch "$RUN/leaving"
  if [ -e "$RUN/made-dirs" ]; then
    for other in "$CACHE_ROOT"/run/*/; do
      [ -e "$other/nodes" ] && [ ! -e "$other/leaving" ] || continue
      touch "$other/made-dirs"
      cat "$RUN/made-dirs" "$other/made-dirs" >"$other/made-dirs.new" # what is in a directory comes after it
      mv "$other/made-dirs.new" "$other/made-dirs"
      rm "$RUN/made-dirs"
      break
    done
  fi
  if [ -e "$RUN/made-dirs" ]; then
    tac "$RUN/made-dirs" | xargs -r rmdir --ignore-fail-on-non-empty
  fi
  exec 7>&-
}

# end_node NODE : every process in its groups: control plane, containers, commands of node.sh
end_node() {
  local _ pids
  for _ in $(seq 100); do
    pids=$(cgroup_pids "$1")
    [ -n "$pids" ] || return 0
    # shellcheck disable=SC2086 # one pid a word
    kill -KILL $pids 2>/dev/null || true
    sleep 0.1
  done
  echo "processes of $1 do not end: ${pids//$'\n'/ }" >&2
  return 1
}

cgroup_remove_soon() { # NODE : the kernel may need a moment after the last process
  local _
  for _ in $(seq 50); do
    cgroup_remove "$1" && return 0
    sleep 0.1
  done
  echo "control groups of $1 cannot be removed; they are listed in $RUN/$1/cgroups" >&2
  return 1
}
