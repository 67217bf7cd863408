// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package intercept

import (
	"crypto/tls"
	"errors"
	"fmt"
)

// Reason says why a TLS connection is not read. It is part of records and metrics.
type Reason string

// Reasons.
const (
	// NoServerName: the client does not say whom it wants, so no certificate can be made.
	NoServerName Reason = "NoServerName"
	// EncryptedHello: the client hides whom it wants, and would notice who answers.
	EncryptedHello Reason = "EncryptedClientHello"
	// OldClient: the client has neither TLS 1.2 nor newer, or none of what an ECDSA certificate needs.
	OldClient Reason = "OldClient"
	// NoCertificate: the certificate to show to the client cannot be read or made.
	NoCertificate Reason = "NoCertificate"
	// UpstreamNotTrusted: the server's certificate does not verify. The client may know better.
	UpstreamNotTrusted Reason = "UpstreamNotTrusted"
	// UpstreamFailed: the handshake with the server failed otherwise.
	UpstreamFailed Reason = "UpstreamFailed"
	// ClientCertificate: the server asks for a certificate of the client, and there is none to show.
	ClientCertificate Reason = "ClientCertificateWanted"
	// ClientRefused: the client did not take our certificate, as one that pins that of the server does not.
	ClientRefused Reason = "ClientRefused"
)

// reasons are all of them, for those who count.
var reasons = []Reason{NoServerName, EncryptedHello, OldClient, NoCertificate, UpstreamNotTrusted, UpstreamFailed, ClientCertificate, ClientRefused}

// Untouched is the error for a connection that is to be passed through as it is.
type Untouched struct {
	Reason Reason
	// Spoiled says that bytes were exchanged with the server on the connection to it, so that the client needs a new one.
	Spoiled bool
	cause   error
}

// Error names the reason and what led to it.
func (u *Untouched) Error() string {
	if u.cause == nil {
		return "TLS is passed through: " + string(u.Reason)
	}
	return fmt.Sprintf("TLS is passed through: %s: %v", u.Reason, u.cause)
}

func (u *Untouched) Unwrap() error { return u.cause }

// errCertificateWanted ends a handshake with a server that asks for a certificate of the client.
var errCertificateWanted = errors.New("the server asks for a client certificate and none that it takes was given")

// upstreamReason says why a handshake with a server failed.
func upstreamReason(err error) Reason {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errCertificateWanted):
		return ClientCertificate
	case errors.As(err, &untrusted):
		return UpstreamNotTrusted
	}
	return UpstreamFailed
}
