// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"crypto/tls"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// schemeTLS is the scheme of records of what TLS carried.
const schemeTLS = "https"

// isSecure tells whether a request was recorded in TLS, which the workload serves by itself, and so is sent in TLS.
func isSecure(r *trafficpb.Record) bool { return r.GetScheme() == schemeTLS }

// clientTLS is how TLS is spoken to the target: with the name that the client asked for, and the protocol that was recorded. The certificate is
// not verified, as nothing says which CA the recorded clients trust, and the target is what the replay was told to test, whoever it says it is.
func clientTLS(r *trafficpb.Record, protocol string) *tls.Config {
	return &tls.Config{ServerName: r.GetHost(), NextProtos: []string{protocol}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}
