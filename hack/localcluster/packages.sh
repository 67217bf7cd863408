# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash # sourced

# install_packages : from Debian (or Ubuntu), only what is missing; for one cluster at a time, as apt-get does not wait for another
install_packages() {
  local lock
  exec {lock}>"$CACHE_ROOT/packages.lock"
  flock "$lock"
  install_missing
  exec {lock}>&-
}

install_missing() {
  local missing=() command package
  while read -r command package; do
    command -v "$command" >/dev/null || missing+=("$package")
  done <<'END'
containerd containerd
ctr containerd
runc runc
iptables iptables
nft nftables
ip iproute2
openssl openssl
nsenter util-linux
flock util-linux
END
  cni_dir >/dev/null || missing+=(containernetworking-plugins)
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "missing, and there is no apt-get to install them: ${missing[*]}"
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  say "installing Debian packages: ${missing[*]}"
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
    >"$LOG/packages.log" 2>&1 8>&-; then
    failed_log packages
    return 1
  fi
}
