#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# verify.sh : what holds beside the tests: formatting, vet, staticcheck, import rules and generated code.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
made=$(mktemp -d)
codegen=
finish() {
  trap '' TERM # make sends it once more to what has it already
  if [ -n "$codegen" ]; then
    kill -- "-$codegen" 2>/dev/null || true
    wait "$codegen" || true
  fi
  rm -rf "$made"
}
trap finish EXIT

# The generators check the tags of the types as well. They mostly use one core, beside all the rest, and are in a group of their own, so that
# all of it can be ended.
setsid hack/verify-codegen.sh >"$made/codegen.log" 2>&1 &
codegen=$!

unformatted=$(git ls-files '*.go' | grep -v '^pkg/generated/' | xargs gofmt -l)
[ -z "$unformatted" ] || { echo "not formatted: $unformatted" >&2; exit 1; }
mapfile -t packages < <(go list ./artifacts ./cmd/... ./hack/chart ./pkg/... ./test/... | grep -v /pkg/generated/)
go vet -tags e2e "${packages[@]}"
go tool staticcheck -tags e2e "${packages[@]}"
for module in examples/watch-verdict test/chart test/monitoring; do
  (cd "$module" && go mod tidy -diff && go vet ./...)
done
(cd test/helm && go mod tidy -diff)

# arrows point one way: the data plane knows neither client-go nor apiserver
for part in proxy responder generator; do
  bad=$(go list -deps "./cmd/restage-$part" | grep -E '^k8s\.io/(client-go|apiserver)(/|$)' || true)
  [ -z "$bad" ] || { echo "restage-$part imports $bad" >&2; exit 1; }
done
bad=$(go list -f '{{.ImportPath}}: {{join .Imports " "}}' ./pkg/apis/... | grep -E 'restage/pkg/(registry|admission|controller|apiserver)' || true)
[ -z "$bad" ] || { echo "pkg/apis imports what it must not: $bad" >&2; exit 1; }

# the chart follows from the manifests
go run ./hack/chart "$made/chart"
diff -r "$made/chart" artifacts/chart || { echo "artifacts/chart is out of date: make generate" >&2; exit 1; }

wait "$codegen" || { codegen=; cat "$made/codegen.log" >&2; exit 1; }
codegen=
cat "$made/codegen.log"
