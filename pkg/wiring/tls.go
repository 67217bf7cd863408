// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wiring

// TLSCASecret holds in each namespace where TLS is read the CA that signs for it: TLSCACertificate and TLSCAKey, newest first.
const TLSCASecret = "restage-tls-ca"

// Paths at which a proxy finds what it needs for TLS. Each may be missing.
const (
	TLSDir         = "/var/run/restage/tls"
	TLSCADir       = "ca"      // within TLSDir: TLSCACertificate and TLSCAKey
	TLSAddedDir    = "added"   // TLSCACertificate: CAs that the workload's owner trusts besides the public ones
	TLSClientDir   = "client"  // TLSCertificate and TLSKey, which are shown to servers that ask for them
	TLSInboundDir  = "inbound" // TLSCertificate and TLSKey of the workload itself
	TLSCertificate = "tls.crt"
	TLSKey         = "tls.key"

	// ResponderTLSDir has the CA of an environment, as TLSCADir has that of a namespace.
	ResponderTLSDir = "/var/run/restage/responder-tls"

	TLSCACertificate = "ca.crt"
	TLSCAKey         = "ca.key"
)

// What a workload finds in the trust volume.
const (
	TrustDir    = "/var/run/restage/trust"
	TrustCA     = "ca.crt"         // our CAs alone, as PEM
	TrustBundle = "bundle.crt"     // these, the public ones and those that its owner adds
	TrustStore  = "truststore.p12" // the same for Java
	// TrustStorePassword is Java's own default: what it guards is public.
	TrustStorePassword = "changeit"
)

// TLSSettings say which TLS connections a proxy reads.
type TLSSettings struct {
	Outbound          bool `json:"outbound,omitempty"`          // those that the workload makes
	Inbound           bool `json:"inbound,omitempty"`           // those made to it, with its own certificate
	ClientCertificate bool `json:"clientCertificate,omitempty"` // there is one for servers that ask for it
}
