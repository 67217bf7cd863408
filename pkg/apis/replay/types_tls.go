// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

// CaptureTLS says which TLS connections of a workload are read.
type CaptureTLS struct {
	Outbound                    TLSOutbound
	TrustedCAsConfigMapName     string
	ClientCertificateSecretName string
	InboundSecretName           string
}

// TLSOutbound says what is done with TLS connections that a workload makes.
type TLSOutbound string

// What is done with TLS connections that a workload makes.
const (
	TLSIntercept   TLSOutbound = "Intercept"
	TLSPassThrough TLSOutbound = "PassThrough"
)
