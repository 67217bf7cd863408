// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// CaptureTLS says which TLS connections of a workload are read. What is not read is passed on as it is and kept as bytes.
type CaptureTLS struct {
	// outbound says what is done with the TLS connections that the workload makes. With Intercept they end at the proxy in the
	// pod, which verifies the server and shows the workload a certificate that the CA of the namespace signs; the containers
	// of the workload are told to trust that CA. Connections of which the proxy cannot do that, and those of clients that
	// take no other certificate than the server's own, are passed through. PassThrough, the default, leaves all as they are.
	// +optional
	// +k8s:optional
	Outbound TLSOutbound `json:"outbound,omitempty"`
	// trustedCAsConfigMapName names a ConfigMap in the namespace of the capture whose key ca.crt holds, as PEM, the CAs that
	// certify servers besides the public ones, such as that of the company. Without outbound interception it is not used.
	// +optional
	// +k8s:optional
	// +k8s:format=k8s-long-name
	TrustedCAsConfigMapName string `json:"trustedCAsConfigMapName,omitempty"`
	// clientCertificateSecretName names a Secret of type kubernetes.io/tls in the namespace of the capture, with the certificate
	// that the proxy shows to servers that ask for one. Without it connections to such servers are passed through.
	// +optional
	// +k8s:optional
	// +k8s:format=k8s-long-name
	ClientCertificateSecretName string `json:"clientCertificateSecretName,omitempty"`
	// inboundSecretName names a Secret of type kubernetes.io/tls in the namespace of the capture, with the certificate that
	// the workload itself serves with. TLS connections to its recorded ports then end at the proxy, which speaks TLS to the
	// workload in turn. Without it they are passed on as they are.
	// +optional
	// +k8s:optional
	// +k8s:format=k8s-long-name
	InboundSecretName string `json:"inboundSecretName,omitempty"`
}

// TLSOutbound says what is done with TLS connections that a workload makes.
// +enum
// +k8s:enum
type TLSOutbound string

const (
	// TLSIntercept: they are read.
	TLSIntercept TLSOutbound = "Intercept"
	// TLSPassThrough: they are passed on as they are.
	TLSPassThrough TLSOutbound = "PassThrough"
)
