# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash # sourced

# Starting processes, in a node or outside, and remembering them. A process is remembered by its pid and its start time,
# which together name it for as long as the machine runs: a pid alone may by now be somebody else's.

# in_node N COMMAND... : replace the calling shell by COMMAND in the namespaces and control groups of node N
in_node() {
  local n=$1 pid
  shift
  read -r pid _ <"$PIDS/node$n.holder"
  cgroup_join "node$n"
  exec ${VIA:-} nsenter -t "$pid" -m -n -u -C -- "$@"
}

here() { exec ${VIA:-} "$@"; }

# start NAME in_node N COMMAND... | start NAME here COMMAND... : in the background and in a session of its own (so that
# Ctrl-C does not reach it), with a log and a pid file
start() {
  local name=$1 VIA=setsid
  shift
  (
    remember "$name"
    "$@"
  ) >>"$LOG/$name.log" 2>&1 </dev/null 8>&- &
  disown
}

# remember NAME : note the calling shell under NAME; it stays the same process through exec
remember() {
  local pid=$BASHPID # not that of the command substitution
  echo "$pid $(start_time "$pid")" >"$PIDS/.$1"
  mv "$PIDS/.$1" "$PIDS/$1"
}

# start_time PID : empty if there is no such process, or only its zombie
start_time() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  stat=${stat##*) } # the name, in parentheses, may hold anything
  # shellcheck disable=SC2086 # split it into fields
  set -- $stat
  [ "$1" = Z ] || echo "${20}"
}

# running NAME : is the process noted under NAME still the one that was started?
running() {
  local pid time
  [ -e "$PIDS/$1" ] || return 1
  read -r pid time <"$PIDS/$1"
  [ -n "$time" ] && [ "$(start_time "$pid")" = "$time" ]
}

signal() { # SIG NAME
  local pid
  read -r pid _ <"$PIDS/$2"
  kill "-$1" "$pid" 2>/dev/null || true # it may have ended just now
}

names() { # of all that was started
  local f
  for f in "$PIDS"/*; do
    if [ -e "$f" ]; then basename "$f"; fi
  done
}

# end NAME : ask, insist after two seconds, and forget it
end() {
  local i
  for i in $(seq 40); do
    running "$1" || break
    case $i in 1) signal TERM "$1" ;; 20) signal KILL "$1" ;; esac
    sleep 0.1
  done
  rm -f "$PIDS/$1"
}

# failed_log NAME : which log to show, should things fail from here on
failed_log() { FAILED_LOG=$1; }
export FAILED_LOG=

# wait_for SECONDS WHAT COMMAND... : until COMMAND succeeds. A process of ours that ends meanwhile is a failure at once.
wait_for() {
  local seconds=$1 what=$2 end name
  shift 2
  end=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    for name in $(names); do
      running "$name" || { failed_log "$name"; echo "$name has ended, while waiting for $what" >&2; return 1; }
    done
    if [ "$SECONDS" -ge "$end" ]; then
      echo "not within $seconds s: $what" >&2
      return 1
    fi
    sleep 0.2
  done
}
