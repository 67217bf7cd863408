#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# Fails when the generated code is not what hack/update-codegen.sh writes. Works on a copy; the tree is not changed.

set -o errexit -o nounset -o pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

copy=$(mktemp -d)
trap 'rm -rf "${copy}"' EXIT
cp -r go.mod go.sum artifacts cmd docs pkg hack "${copy}/"
mkdir -p "${copy}/test/integration"
cp -r test/integration/versioning "${copy}/test/integration/"
hack/update-codegen.sh "${copy}" >/dev/null

for part in pkg/apis pkg/generated pkg/traffic/trafficpb test/integration/versioning docs/reference; do
  diff -ru "${part}" "${copy}/${part}" || {
    echo "generated code is out of date: run hack/update-codegen.sh" >&2
    exit 1
  }
done
echo "generated code is up to date"
