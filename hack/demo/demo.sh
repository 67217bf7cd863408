#!/usr/bin/env bash
# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh : record a real application on a real cluster, snapshot it, take its back end away, and replay it twice. It prints each
# command as one would type it, and ends with an error when anything is not as it should be.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
# shellcheck source=hack/cluster.sh
. hack/cluster.sh
manifests=hack/demo/manifests
began=$SECONDS

title() { printf '\n\033[1m== %s\033[0m (%ds)\n' "$*" $((SECONDS - began)); }
run() { printf '\n$ %s\n' "$*"; "$@"; }
fail() { printf '\nDEMO FAILED: %s\n' "$*" >&2; exit 1; }
live() { # what must not change: the live front's generation, its pods and their restarts
  kubectl -n shop get deployment front -o jsonpath='generation={.metadata.generation}{"\n"}'
  kubectl -n shop get pods -l app=front -o jsonpath='{range .items[*]}pod={.metadata.name} uid={.metadata.uid} restarts={.status.containerStatuses[*].restartCount}{"\n"}{end}'
}
verdict() { kubectl -n shop get trafficreplay "$1" -o jsonpath='{.status.conditions[?(@.type=="Passed")].status}'; }
finished() { # wait for a replay, showing its progress
  printf '\n$ kubectl -n shop get trafficreplay %s -w\n' "$1"
  kubectl -n shop get trafficreplay "$1" -w &
  local watch=$!
  kubectl -n shop wait --for=condition=Complete "trafficreplay/$1" --timeout=300s >/dev/null || { kill $watch; kubectl -n shop describe trafficreplay "$1"; fail "$1 did not end"; }
  kubectl -n shop wait --for=condition=Restored "trafficreplay/$1" --timeout=120s >/dev/null || { kill $watch; fail "$1 was not cleaned up"; }
  kill $watch; wait $watch 2>/dev/null || true
}

title "a cluster, and the images"
choose_cluster
hack/images.sh
title "install Restage"
hack/install.sh
policies=$(kubectl get --raw /apis/admissionregistration.k8s.io/v1 | grep -c '"mutatingadmissionpolicies"' || true)
if [ "$policies" = 0 ]; then # before Kubernetes 1.36: no template is changed, and pods get the proxy as they are made
  echo '$ kubectl restage install --registry localhost --tag dev --injection webhook | kubectl apply -f -'
  bin/kubectl-restage install --registry localhost --tag dev --injection webhook | kubectl apply -f -
  run kubectl -n restage-system rollout status deployment/restage-apiserver --timeout=180s
  run kubectl -n restage-system rollout status deployment/restage-controller --timeout=180s
  run kubectl wait --for=create mutatingwebhookconfiguration/restage-pod-injection --timeout=60s
fi

title "an application with real traffic, recorded"
kubectl delete namespace shop --ignore-not-found --wait --timeout=120s >/dev/null
run kubectl apply -f $manifests/shop.yaml
run kubectl -n shop rollout status deployment/back --timeout=120s
# the front is rolled once, to have the sidecar; the shoppers begin when that is done
run kubectl -n shop wait --for=create trafficcapture/front --timeout=60s
if [ "$policies" = 0 ]; then
  run kubectl label namespace shop capture.restage.dev/inject=enabled
  run kubectl -n shop rollout restart deployment/front
fi
run kubectl -n shop wait --for=condition=Ready trafficcapture/front --timeout=120s
run kubectl apply -f $manifests/shoppers.yaml
run kubectl -n shop wait --for=condition=Complete job/shoppers --timeout=180s
run kubectl -n shop logs job/shoppers
run kubectl -n shop get trafficcaptures

title "a snapshot, and the back end is taken away"
run kubectl apply -f $manifests/snapshot.yaml -f $manifests/profile.yaml
run kubectl -n shop wait --for=condition=Ready trafficsnapshot/monday --timeout=60s
run kubectl -n shop get trafficsnapshots
recorded=$(kubectl -n shop get trafficsnapshot monday -o jsonpath='{.status.inbound}')
[ "$recorded" -ge 1000 ] || fail "only $recorded requests were recorded"
run kubectl -n shop scale deployment/back --replicas=0
run kubectl -n shop wait --for=delete pod -l app=back --timeout=60s
run kubectl -n shop get endpointslices -l kubernetes.io/service-name=back
before=$(live)

title "replay the same image"
run kubectl apply -f $manifests/replay-same.yaml
finished same-image
run kubectl -n shop get trafficreplay same-image -o wide
[ "$(verdict same-image)" = True ] || { kubectl -n shop describe trafficreplay same-image; fail "the replay of the same image did not pass"; }
summary() { kubectl -n shop get trafficreplay "$1" -o jsonpath="{.status.summary.$2}"; }
printf 'requests %s, match rate %s %%, connections let out %s\n' "$(summary same-image requests)" "$(summary same-image matches.percent)" "$(summary same-image egress.escaped)"
[ "$(summary same-image matches.percent)" = 100.00 ] || fail "the match rate is not 100 %"
[ "$(summary same-image egress.escaped)" = 0 ] || fail "connections were let out"

title "replay a changed image"
run kubectl apply -f $manifests/replay-changed.yaml
finished changed-image
run kubectl -n shop get trafficreplay changed-image -o wide
[ "$(verdict changed-image)" = False ] || fail "the replay of the changed image passed"
run kubectl -n shop get trafficreplay changed-image -o jsonpath='{.status.conditions[?(@.type=="Passed")].message}{"\n"}'
message=$(kubectl -n shop get trafficreplay changed-image -o jsonpath='{.status.conditions[?(@.type=="Passed")].message}')
for endpoint in "POST /store" "GET /version"; do
  [[ $message == *"$endpoint"* ]] || fail "the verdict does not name $endpoint"
done

title "the live workload, and what is left"
after=$(live)
printf 'before\n%s\nafter\n%s\n' "$before" "$after"
[ "$before" = "$after" ] || fail "the live front was touched"
run kubectl -n shop get deployments,jobs,services,configmaps,secrets,serviceaccounts,roles,rolebindings,environments -l replay.restage.dev/replay
left=$(kubectl -n shop get deployments,jobs,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings,environments -l 'replay.restage.dev/replay' -o name
  kubectl -n shop get deployments,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings -l 'replay.restage.dev/environment' -o name)
[ -z "$left" ] || fail "the replays left $left"

title "done"
cat <<TXT

Both replays are still there. Try next:
  export KUBECONFIG=$KUBECONFIG
$([ "$CLUSTER" = local ] && echo "  export PATH=$(hack/localcluster/kubectl.sh --path):\$PATH")
  kubectl get trafficreplays -A
  kubectl get --raw /apis/replay.restage.dev/v1alpha1/namespaces/shop/trafficreplays/changed-image/report
  kubectl get --raw '/apis/replay.restage.dev/v1alpha1/namespaces/shop/trafficsnapshots/monday/records?limit=3'
  kubectl explain trafficreplay.spec
Clean up:
  make cluster-down
TXT
