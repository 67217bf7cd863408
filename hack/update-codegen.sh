#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# Writes all generated code anew: helpers of the API types, OpenAPI definitions, clients, listers, informers,
# apply configurations, the Go form of traffic.proto and pages of docs/reference. The generators are those of the tool
# block of go.mod, and programs of ours where there is none.
#
# Without arguments the tree itself is updated. With a directory, which must hold a copy of the module, that is.

set -o errexit -o nounset -o pipefail

cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"

module=$(go list -m)
apis=${module}/pkg/apis/replay
plugin_config=${module}/pkg/admission/plugin/replaylimits/config/v1alpha1
generated=${module}/pkg/generated
# v1beta1 is served by a test only: it gets all that a version needs but clients. All known tags must be right, and a version
# must say of each generator whether it wants it.
trial=${module}/test/integration/versioning/v1beta1
lint=(--lint-rules known-tags-only,require-explicit-disablement)
header=(--go-header-file hack/boilerplate.go.txt)
models=$(mktemp)
trap 'rm -f "${models}"' EXIT

command -v protoc >/dev/null || {
  echo "protoc is missing: apt-get install protobuf-compiler" >&2
  exit 1
}

# The generators load packages that do not compile without generated code all the same.
find pkg/apis test/integration/versioning -name 'zz_generated.*.go' -delete
rm -rf pkg/generated/{applyconfiguration,clientset,informers,listers}

echo "deepcopy, defaults, conversions, validation"
go tool deepcopy-gen "${header[@]}" --output-file zz_generated.deepcopy.go "${apis}" "${apis}/v1alpha1" "${plugin_config}" "${trial}"
go tool defaulter-gen "${header[@]}" --output-file zz_generated.defaults.go "${apis}/v1alpha1" "${trial}"
# One at a time, or a version takes up conversions of the other.
for version in "${apis}/v1alpha1" "${trial}"; do
  go tool conversion-gen "${header[@]}" --output-file zz_generated.conversion.go "${version}"
done
go tool validation-gen "${header[@]}" "${lint[@]}" --output-file zz_generated.validations.go "${apis}/v1alpha1" "${trial}"

echo "OpenAPI definitions"
external=(
  k8s.io/api/core/v1
  k8s.io/apimachinery/pkg/api/resource
  k8s.io/apimachinery/pkg/apis/meta/v1
  k8s.io/apimachinery/pkg/runtime
  k8s.io/apimachinery/pkg/util/intstr
  k8s.io/apimachinery/pkg/version
)
go tool openapi-gen "${header[@]}" --output-file zz_generated.openapi.go \
  --output-model-name-file zz_generated.model_name.go --report-filename /dev/null \
  --output-dir pkg/generated/openapi --output-pkg "${generated}/openapi" \
  "${external[@]/#/--readonly-pkg=}" "${external[@]}" "${apis}/v1alpha1"
go tool openapi-gen "${header[@]}" --output-file zz_generated.openapi.go \
  --output-model-name-file zz_generated.model_name.go --report-filename /dev/null \
  --output-dir test/integration/versioning/v1beta1 --output-pkg "${trial}" \
  "--readonly-pkg=${apis}/v1alpha1" "${external[@]/#/--readonly-pkg=}" "${trial}"
# Packages that are not generated for are referred to by their Go names, which are not those of their models.
sed -i -e 's|"k8s.io/apimachinery/pkg/apis/meta/v1\.|"io.k8s.apimachinery.pkg.apis.meta.v1.|g' \
  -e "s|\"${apis}/v1alpha1\\.|\"dev.restage.replay.v1alpha1.|g" test/integration/versioning/v1beta1/zz_generated.openapi.go

echo "clients, listers, informers, apply configurations"
# applyconfiguration-gen looks for models under the names of their Go packages, not those of openapi-model-package, under which
# field managers look for them at run time: there and back.
go_name='com.github.restage-dev.restage.pkg.apis.replay.' model_name='dev.restage.replay.'
go run ./hack/models-schema | sed "s/${model_name//./\\.}/${go_name}/g" >"${models}"
go tool applyconfiguration-gen "${header[@]}" --openapi-schema "${models}" \
  --output-dir pkg/generated/applyconfiguration --output-pkg "${generated}/applyconfiguration" "${apis}/v1alpha1"
find pkg/generated/applyconfiguration -name '*.go' -exec sed -i "s/${go_name//./\\.}/${model_name}/g" {} +
go tool client-gen "${header[@]}" --clientset-name versioned --input-base "${module}/pkg/apis" --input replay/v1alpha1 \
  --apply-configuration-package "${generated}/applyconfiguration" \
  --output-dir pkg/generated/clientset --output-pkg "${generated}/clientset"
# The fake clients take a tracker that knows the plurals of our kinds.
sed -i -e 's/testing\.NewObjectTracker(/faketracker.New(/' -e 's/testing\.NewFieldManagedObjectTracker(/faketracker.NewFieldManaged(/' \
  -e "/^\tapplyconfiguration \"/i\\\tfaketracker \"${module}/pkg/faketracker\"" pkg/generated/clientset/versioned/fake/clientset_generated.go
go tool lister-gen "${header[@]}" \
  --output-dir pkg/generated/listers --output-pkg "${generated}/listers" "${apis}/v1alpha1"
go tool informer-gen "${header[@]}" \
  --versioned-clientset-package "${generated}/clientset/versioned" --listers-package "${generated}/listers" \
  --output-dir pkg/generated/informers --output-pkg "${generated}/informers" "${apis}/v1alpha1"

echo "traffic.proto"
tools=$(mktemp -d)
trap 'rm -rf "${models}" "${tools}"' EXIT
go build -o "${tools}/" google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
PATH="${tools}:${PATH}" protoc --go_out=. --go_opt="module=${module}" --go-grpc_out=. --go-grpc_opt="module=${module}" \
  pkg/traffic/traffic.proto

echo "docs/reference"
go run ./hack/reference docs/reference
