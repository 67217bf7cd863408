# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash # sourced

# The control plane: ordinary processes in node1's namespaces.

start_etcd() {
  # a throwaway cluster has nothing that must survive a crash of the machine: do not wait for the disk
  start node1.etcd in_node 1 "$BIN/etcd" --name etcd --data-dir "$RUN/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster etcd=http://127.0.0.1:2380
}

start_apiserver() {
  # enable-aggregator-routing: requests for aggregated APIs go to the pods behind the Service, not to its address
  # shellcheck disable=SC2086 # APISERVER_ARGS is a list of words
  start node1.kube-apiserver in_node 1 "$BIN/kube-apiserver" \
    --etcd-servers=http://127.0.0.1:2379 \
    --secure-port=6443 --bind-address=0.0.0.0 --advertise-address="$(node_ip 1)" \
    --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" --client-ca-file="$PKI/ca.crt" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --service-cluster-ip-range="$SERVICE_CIDR" \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file="$PKI/sa.pub" --service-account-signing-key-file="$PKI/sa.key" \
    --kubelet-client-certificate="$PKI/apiserver-kubelet.crt" --kubelet-client-key="$PKI/apiserver-kubelet.key" \
    --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --requestheader-client-ca-file="$PKI/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy-client \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra- \
    --proxy-client-cert-file="$PKI/front-proxy.crt" --proxy-client-key-file="$PKI/front-proxy.key" \
    --enable-aggregator-routing=true ${APISERVER_ARGS:-}
}

start_controller_manager() {
  local config=$PKI/controller-manager.kubeconfig
  # shellcheck disable=SC2086 # CONTROLLER_MANAGER_ARGS is a list of words
  start node1.kube-controller-manager in_node 1 "$BIN/kube-controller-manager" \
    --kubeconfig="$config" --authentication-kubeconfig="$config" --authorization-kubeconfig="$config" \
    --bind-address=127.0.0.1 --leader-elect=false --use-service-account-credentials=true \
    --allocate-node-cidrs=true --cluster-cidr="$POD_CIDR" --service-cluster-ip-range="$SERVICE_CIDR" \
    --root-ca-file="$PKI/ca.crt" --service-account-private-key-file="$PKI/sa.key" \
    --cluster-signing-cert-file="$PKI/ca.crt" --cluster-signing-key-file="$PKI/ca.key" \
    --requestheader-client-ca-file="$PKI/front-proxy-ca.crt" ${CONTROLLER_MANAGER_ARGS:-}
}

start_scheduler() {
  local config=$PKI/scheduler.kubeconfig
  start node1.kube-scheduler in_node 1 "$BIN/kube-scheduler" \
    --kubeconfig="$config" --authentication-kubeconfig="$config" --authorization-kubeconfig="$config" \
    --bind-address=127.0.0.1 --leader-elect=false
}

start_storage_provisioner() {
  start node1.storage-provisioner in_node 1 "$BIN/storage-provisioner" \
    --kubeconfig="$PKI/storage-provisioner.kubeconfig" --root="$RUN/volumes"
}

# start_loopback : the one process outside of the nodes
start_loopback() {
  start loopback here "$BIN/loopback" -netns "/run/netns/$(node_ns 1)" -target "$(node_ip 1):6443" -address-file "$RUN/address"
  wait_for 30 "the forwarder on the loopback address" test -s "$RUN/address"
  (umask 077 && make_kubeconfig admin "https://$(cat "$RUN/address")" >"$KUBECONFIG_FILE")
}
