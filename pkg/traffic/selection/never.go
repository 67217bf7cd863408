// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package selection

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

// isMetadata knows the addresses at which clouds hand credentials and data of an instance to whoever asks from there.
func isMetadata(address netip.Addr) bool {
	switch address.String() {
	case "169.254.169.254", // AWS, Azure, Google Cloud, Oracle, DigitalOcean, Hetzner, OpenStack, IBM
		"fd00:ec2::254",                  // AWS
		"169.254.170.2",                  // AWS: credentials of an ECS task
		"169.254.170.23", "fd00:ec2::23", // AWS: EKS Pod Identity
		"fd20:ce::254",                  // Google Cloud
		"168.63.129.16",                 // Azure: WireServer
		"100.100.100.200",               // Alibaba Cloud
		"fd00:c1::a9fe:a9fe",            // Oracle
		"192.0.0.192",                   // Oracle: Compute Classic
		"169.254.0.23", "169.254.10.10", // Tencent Cloud
		"fe80::a9fe:a9fe": // OpenStack
		return true
	}
	return false
}

// isMetadataName knows the names of the same, for calls that go there by way of a proxy.
func isMetadataName(name string) bool {
	switch name {
	case "metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "metadata.tencentyun.com":
		return true
	}
	if name == "" || !strings.Contains(name, ":") && (name[len(name)-1] < '0' || name[len(name)-1] > '9') {
		return false // as most names, and to find that by parsing them costs more
	}
	address, err := netip.ParseAddr(name)
	return err == nil && isMetadata(address)
}

// isAPIServerName knows the names of the Service of the API server: kubernetes.default.svc, with and without the cluster's domain.
func isAPIServerName(name string) bool {
	return name == "kubernetes.default" || name == "kubernetes.default.svc" || strings.HasPrefix(name, "kubernetes.default.svc.")
}

// isProbe knows the kubelet's probes by the User-Agent in a raw head.
func isProbe(head []byte) bool {
	from, to := http1.FieldValue(head, "user-agent")
	return bytes.HasPrefix(head[from:to], []byte("kube-probe/"))
}
