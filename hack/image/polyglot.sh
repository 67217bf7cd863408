#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# polyglot.sh OUT.tar PROGRAM : the image localhost/restage/polyglot:dev of the end-to-end test of TLS and HTTP/2: the program of
# test/polyglot, and curl, Python with httpx, Node.js and Java, from this machine or from Debian. What does not change is kept in the cache.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
clients=$here/../../test/polyglot/clients
out=$1 program=$2

python=/usr/bin/python3 # Debian's, whichever comes first on the path
missing=()
command -v curl >/dev/null || missing+=(curl)
command -v node >/dev/null || missing+=(nodejs)
command -v jlink >/dev/null || missing+=(default-jdk-headless)
"$python" -c 'import httpx, h2' 2>/dev/null || missing+=(python3-httpx python3-h2)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${missing[*]}" >&2
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >&2
fi

# what the languages need, below one directory, which is named by what it is made of
sum=$(cat "${BASH_SOURCE[0]}" "$clients/Client.java" | sha256sum | cut -c1-16)
tree=${XDG_CACHE_HOME:-$HOME/.cache}/restage/polyglot-$sum
if [ ! -d "$tree" ]; then
  rm -rf "${tree%-*}"-*
  work=$(mktemp -d "${tree%-*}.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  chmod 755 "$work"
  programs=("$(command -v curl)" "$(command -v node)" "$python")
  mkdir -p "$work/usr/bin" "$work/etc" "$work/clients"
  for file in "${programs[@]}"; do cp -L "$file" "$work/usr/bin/$(basename "$file")"; done

  lib=$("$python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
  mkdir -p "$work$lib" "$work/usr/lib/python3/dist-packages"
  tar -C "$lib" -c --exclude='./config-*' --exclude=./test --exclude=./lib2to3 --exclude=./idlelib --exclude=./ensurepip \
    --exclude=./pydoc_data --exclude=./sitecustomize.py . | tar -C "$work$lib" -x
  "$python" -c 'import sys, httpx, h2
print(*{m.split(".")[0] for m, v in sys.modules.items() if "/dist-packages/" in (getattr(v, "__file__", None) or "")}, sep="\n")' |
    while read -r module; do cp -rL "/usr/lib/python3/dist-packages/$module"* "$work/usr/lib/python3/dist-packages/"; done

  jlink --add-modules java.base,java.net.http,jdk.crypto.ec --strip-debug --no-header-files --no-man-pages --output "$work/jre"
  javac -d "$work/clients" "$clients/Client.java"

  # every library, and the loader, where the loader looks for it
  { ldd "${programs[@]}" "$lib"/lib-dynload/*.so "$work/jre/bin/java" "$work/jre/lib"/*.so 2>/dev/null || true; } |
    grep -o '/[^ ]*' | grep -v ":$\|^$work" | sort -u |
    while read -r library; do mkdir -p "$work$(dirname "$library")" && cp -L "$library" "$work$library"; done
  echo 'app:x:65532:65532:app:/:/' >"$work/etc/passwd"
  echo 'hosts: files dns' >"$work/etc/nsswitch.conf"
  chmod -R a+rX "$work"
  mv "$work" "$tree"
fi

"$here/mkimage.sh" -o "$out" -ref localhost/restage/polyglot:dev -user 65532:65532 -entrypoint /polyglot "$tree=/" \
  "$program=/polyglot:755" "$clients/client.py=/clients/client.py:644" "$clients/client.js=/clients/client.js:644" "=/tmp:1777"
