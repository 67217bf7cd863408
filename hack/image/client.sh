#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# client.sh [OUT.tar] : the image localhost/restage/client:dev, for the client pod of the demo and of the tests: Debian's
# curl with its libraries, the CA certificates, and busybox (sh, sleep, seq, wget, nc, nslookup, ...).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-client.tar}

missing=()
command -v curl >/dev/null || missing+=(curl)
command -v busybox >/dev/null || missing+=(busybox-static)
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${missing[*]}" >&2
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >&2
fi

busybox=$(command -v busybox)
if ldd "$busybox" >/dev/null 2>&1; then
  echo "client.sh: $busybox is not static: install Debian's busybox-static" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/etc"
for applet in $("$busybox" --list); do
  [ "$applet" = busybox ] || ln -s busybox "$work/bin/$applet"
done
echo 'root:x:0:0:root:/:/bin/sh
client:x:65532:65532:client:/:/bin/sh' >"$work/etc/passwd"
echo 'root:x:0:
client:x:65532:' >"$work/etc/group"
echo 'hosts: files dns' >"$work/etc/nsswitch.conf"

curl=$(command -v curl)
files=("$work/bin=/bin" "$work/etc=/etc" "$busybox=/bin/busybox:755" "$curl=/usr/bin/curl:755"
  /etc/ssl/certs/ca-certificates.crt=/etc/ssl/certs/ca-certificates.crt:644 "=/tmp:1777")
# every library, and the loader, where the loader looks for it
while read -r lib; do
  files+=("$lib=$lib:755")
done < <(ldd "$curl" | grep -o '/[^ ]*' | sort -u)

"$here/mkimage.sh" -o "$out" -ref localhost/restage/client:dev -user 65532:65532 -entrypoint /bin/sh "${files[@]}"
