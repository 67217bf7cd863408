# Copyright 2026 The Restage Authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash # sourced

# Certificates and kubeconfigs of a cluster, in $PKI. They last as long as the cluster: a year is plenty.

make_ca() { # NAME COMMON-NAME
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj "/CN=$2" \
    -addext keyUsage=critical,digitalSignature,keyCertSign,cRLSign -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

make_cert() { # NAME CA SUBJECT USAGE [ALTERNATIVE-NAMES]
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$3" -keyout "$1.key" -out "$1.csr" 2>/dev/null
  {
    echo keyUsage=critical,digitalSignature,keyEncipherment
    echo "extendedKeyUsage=$4"
    if [ -n "${5:-}" ]; then echo "subjectAltName=$5"; fi
  } >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -days 365 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
  rm "$1.csr" "$1.ext"
}

# make_kubeconfig NAME SERVER : with everything embedded, so that the file can be passed around
make_kubeconfig() {
  cat <<END
apiVersion: v1
kind: Config
current-context: restage-$CLUSTER_NAME
contexts:
- name: restage-$CLUSTER_NAME
  context: {cluster: restage-$CLUSTER_NAME, user: $1}
clusters:
- name: restage-$CLUSTER_NAME
  cluster:
    server: $2
    certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w0 "$PKI/$1.crt")
    client-key-data: $(base64 -w0 "$PKI/$1.key")
END
}

make_certs() { # NODES
  local n node server names
  cd "$PKI" || return
  make_ca ca kubernetes-ca
  make_ca front-proxy-ca front-proxy-ca
  openssl genrsa -out sa.key 2048 2>/dev/null
  openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null

  names=DNS:localhost,IP:127.0.0.1,IP:$API_SERVICE_IP,IP:$(node_ip 1)
  names+=,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
  make_cert apiserver ca /CN=kube-apiserver serverAuth "$names"
  make_cert apiserver-kubelet ca /O=system:masters/CN=kube-apiserver-kubelet-client clientAuth
  make_cert front-proxy front-proxy-ca /CN=front-proxy-client clientAuth

  server=https://$(node_ip 1):6443
  make_cert admin ca /O=system:masters/CN=kubernetes-admin clientAuth
  make_cert controller-manager ca /CN=system:kube-controller-manager clientAuth
  make_cert scheduler ca /CN=system:kube-scheduler clientAuth
  make_cert proxy ca /CN=system:kube-proxy clientAuth
  make_cert storage-provisioner ca /CN=restage:storage-provisioner clientAuth
  for n in admin controller-manager scheduler proxy storage-provisioner; do
    make_kubeconfig "$n" "$server" >"$n.kubeconfig"
  done
  for n in $(seq "$1"); do
    node=node$n
    make_cert "kubelet-$node" ca "/O=system:nodes/CN=system:node:$node" clientAuth
    make_cert "kubelet-$node-serving" ca "/O=system:nodes/CN=system:node:$node" serverAuth "DNS:$node,IP:$(node_ip "$n"),IP:127.0.0.1"
    make_kubeconfig "kubelet-$node" "$server" >"kubelet-$node.kubeconfig"
  done
}
