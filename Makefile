# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0

SHELL := /bin/bash
# Of a checkout with a tag of a release; without one the binaries say the release that pkg/release names.
VERSION := $(shell git describe --tags --dirty --match 'v[0-9]*' 2>/dev/null)
LDFLAGS := -s -w $(if $(VERSION),-X github.com/restage-dev/restage/pkg/release.gitVersion=$(VERSION))
BINARIES := kubectl-restage restage-apiserver restage-controller restage-forwarder restage-proxy restage-responder restage-generator

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

.PHONY: build
build: ## build all binaries into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ $(addprefix ./cmd/,$(BINARIES))

.PHONY: images
images: ## build all container images (OCI tar files, no Docker needed) and load them into the cluster
	hack/images.sh

# Linking takes much of the time, and less without what debuggers read.
.PHONY: test
test: ## unit and integration tests; no root, no cluster
	go test -count=1 -ldflags='-s -w' ./cmd/... ./pkg/... ./test/integration/... ./test/docs
	cd hack/image && go test -count=1 ./...
	cd test/chart && go test -count=1 ./...
	cd test/monitoring && go test -count=1 ./...
	cd examples/watch-verdict && go test -count=1 ./...
	cd pkg/exposition/queries && go test -count=1 ./...

.PHONY: soak
soak: ## kill -9 of the server and of its etcd in the middle of writes, 100 times each
	go test -count=1 -timeout 30m -v -run Killed ./test/integration/running -kills=100

.PHONY: e2e
e2e: ## the whole story on a real cluster: KUBECONFIG, kind or hack/localcluster
	hack/e2e.sh

.PHONY: e2e-versions
e2e-versions: ## what of e2e needs no traffic, on real clusters of the two Kubernetes minors before
	hack/e2e-versions.sh

.PHONY: e2e-operations
e2e-operations: ## backup, restore, and rollout and upgrade of three servers under load, on a real cluster without Restage
	hack/e2e-operations.sh

.PHONY: e2e-lifecycle
e2e-lifecycle: ## install, check and remove Restage in every way, on a real cluster without Restage
	hack/e2e-lifecycle.sh

.PHONY: demo
demo: ## record, snapshot and replay a real application on a real cluster
	hack/demo/demo.sh

.PHONY: bench
bench: ## Go benchmarks of the hot paths, the relay beside others, then the API beside CRDs in a real kube-apiserver (BENCH_ARGS=--help)
	go test -run '^$$' -bench . -benchmem ./pkg/...
	hack/bench-relay.sh
	hack/bench.sh $(BENCH_ARGS)

.PHONY: generate
generate: ## write all generated code again
	hack/update-codegen.sh
	go run ./hack/chart artifacts/chart

.PHONY: verify
verify: ## vet, staticcheck, formatting, generated code, import rules
	hack/verify.sh

.PHONY: cluster-up
cluster-up: ## start a throwaway cluster (NODES=3 for three nodes)
	hack/localcluster/up.sh

.PHONY: cluster-down
cluster-down: ## end the throwaway cluster
	hack/localcluster/down.sh

.PHONY: kubeconfig
kubeconfig: ## print the path of the throwaway cluster's kubeconfig
	@hack/localcluster/kubeconfig.sh
