// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// isSecure tells whether a request was recorded in TLS, which the workload serves by itself, and so is sent in TLS.
func isSecure(r *trafficpb.Record) bool { return r.GetScheme() == traffic.SchemeTLS }

// schemeOf is that of the URL that a request is sent to.
func schemeOf(r *trafficpb.Record) string {
	if isSecure(r) {
		return traffic.SchemeTLS
	}
	return "http"
}

// dialTarget connects to the target of a request, in TLS when that was, and also returns the connection below it.
func dialTarget(ctx context.Context, q *request, deadline time.Time) (net.Conn, *net.TCPConn, error) {
	dialer := net.Dialer{Deadline: deadline}
	if !isSecure(q.record) {
		conn, err := dialer.DialContext(ctx, "tcp", q.target)
		if err != nil {
			return nil, nil, err
		}
		return conn, conn.(*net.TCPConn), nil
	}
	var protocols []string
	if q.record.GetProtocol() != traffic.ProtocolOpaque {
		protocols = append(protocols, "http/1.1")
	}
	secure := tls.Dialer{NetDialer: &dialer, Config: clientTLS(q.record, protocols...)}
	conn, err := secure.DialContext(ctx, "tcp", q.target)
	if err != nil {
		return nil, nil, err
	}
	return conn, conn.(*tls.Conn).NetConn().(*net.TCPConn), nil
}

// clientTLS is how TLS is spoken to the target: with the name that the client asked for, and the protocol that was recorded, if it has a name. The certificate is
// not verified, as nothing says which CA the recorded clients trust, and the target is what the replay was told to test, whoever it says it is.
func clientTLS(r *trafficpb.Record, protocols ...string) *tls.Config {
	return &tls.Config{ServerName: r.GetHost(), NextProtos: protocols, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
}
