# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash # sourced

# Control groups. Each node gets a group of its own in every hierarchy of the machine, and a cgroup namespace in which
# that group is the root: the kubelet thinks it owns the machine, and all it starts can be found and ended. The paths,
# as the machine sees them, are in $RUN/NODE/cgroups, one a line.
#
#   version 1 or hybrid  one group for each controller, below the group of whoever runs up.sh
#   version 2            /sys/fs/cgroup/NAME, at the top: a group that holds processes (such as a login session) cannot
#                        hand controllers to children, the top can. For the same reason the processes of the node live
#                        in the leaf NAME/init.
#
# $RUN/NODE/hierarchies is there on a machine with version 1, and says what to mount in the node.

CGROUPS=/sys/fs/cgroup

cgroup_is_v2() { [ "$(stat -f -c %T "$CGROUPS")" = cgroup2fs ]; }

# cgroup_hierarchies : of a version 1 machine, as "NAME OPTIONS PATH" of this process; NAME is the folder
cgroup_hierarchies() {
  local _ controllers path
  while IFS=: read -r _ controllers path; do
    case $controllers in
      '') if [ -d "$CGROUPS/unified" ]; then echo "unified - $path"; fi ;;
      name=*) if [ -d "$CGROUPS/${controllers#name=}" ]; then echo "${controllers#name=} none,$controllers $path"; fi ;;
      *) echo "$controllers $controllers $path" ;;
    esac
  done </proc/self/cgroup
}

# cgroup_create NODE NAME
cgroup_create() {
  local list=$RUN/$1/cgroups name=$2 hierarchy path dir c controllers
  : >"$list"
  if cgroup_is_v2; then
    [ ! -e "$CGROUPS/cgroup.type" ] || die "$CGROUPS is not the top of the cgroup tree (is this a container?): not supported"
    read -ra controllers <"$CGROUPS/cgroup.controllers" || true # fails on an empty file
    for c in "${controllers[@]}"; do
      if ! grep -qw "$c" "$CGROUPS/cgroup.subtree_control"; then
        # some cannot be had; the kubelet says which it misses
        if echo "+$c" >"$CGROUPS/cgroup.subtree_control"; then echo "$c" >>"$RUN/made-controllers"; fi
      fi
    done
    echo "$CGROUPS/$name" >"$list"
    mkdir "$CGROUPS/$name"
    return
  fi
  cgroup_hierarchies >"$RUN/$1/hierarchies"
  while read -r hierarchy _ path; do
    dir=$CGROUPS/$hierarchy${path%/}/$name
    echo "$dir" >>"$list"
    mkdir "$dir"
    case ,$hierarchy, in
      *,cpuset,*) # starts out empty, and then no process may enter
        cat "${dir%/*}/cpuset.cpus" >"$dir/cpuset.cpus"
        cat "${dir%/*}/cpuset.mems" >"$dir/cpuset.mems" ;;
    esac
  done <"$RUN/$1/hierarchies"
}

# cgroup_join NODE : move the calling shell
cgroup_join() {
  local dir
  while read -r dir; do
    if [ -d "$dir/init" ]; then dir=$dir/init; fi
    echo "$BASHPID" >"$dir/cgroup.procs"
  done <"$RUN/$1/cgroups"
}

# cgroup_mount NODE : inside the node's namespaces: mount what the node may see, and pass the controllers on
cgroup_mount() {
  local hierarchy options c controllers
  if [ ! -e "$RUN/$1/hierarchies" ]; then # version 2
    mount -t cgroup2 cgroup2 "$CGROUPS"
    mkdir "$CGROUPS/init"
    echo $$ >"$CGROUPS/init/cgroup.procs"
    read -ra controllers <"$CGROUPS/cgroup.controllers" || true # fails on an empty file
    for c in "${controllers[@]}"; do
      echo "+$c" >"$CGROUPS/cgroup.subtree_control" || true
    done
    return
  fi
  mount -t tmpfs -o mode=755 tmpfs "$CGROUPS"
  while read -r hierarchy options _; do
    mkdir "$CGROUPS/$hierarchy"
    if [ "$options" = - ]; then
      mount -t cgroup2 cgroup2 "$CGROUPS/$hierarchy"
    else
      mount -t cgroup -o "$options" cgroup "$CGROUPS/$hierarchy"
    fi
    case $hierarchy in # cpu,cpuacct is also found as cpu and as cpuacct
      *,*) for c in ${hierarchy//,/ }; do ln -s "$hierarchy" "$CGROUPS/$c"; done ;;
    esac
  done <"$RUN/$1/hierarchies"
}

# cgroup_pids NODE : every process in the node's groups
cgroup_pids() {
  local dir
  [ -e "$RUN/$1/cgroups" ] || return 0
  while read -r dir; do
    if [ -d "$dir" ]; then find "$dir" -name cgroup.procs -exec cat {} + 2>/dev/null || true; fi
  done <"$RUN/$1/cgroups" | sort -un
}

# cgroup_remove NODE : fails while a process is left
cgroup_remove() {
  local dir left=0
  [ -e "$RUN/$1/cgroups" ] || return 0
  while read -r dir; do
    [ -d "$dir" ] || continue
    find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null || true
    if [ -d "$dir" ]; then left=1; fi
  done <"$RUN/$1/cgroups"
  return $left
}

# cgroup_restore : on version 2, take back the controllers that were not passed on before; those in use elsewhere stay
cgroup_restore() {
  local c
  [ -e "$RUN/made-controllers" ] || return 0
  while read -r c; do
    echo "-$c" >"$CGROUPS/cgroup.subtree_control" || true
  done <"$RUN/made-controllers" 2>/dev/null
}
