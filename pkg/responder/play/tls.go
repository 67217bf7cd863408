// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/protocol/clienthello"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/responder/match"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// handshakeTimeout bounds the handshake of a workload with the responder.
const handshakeTimeout = 10 * time.Second

// tlsPlayer takes TLS off a connection and has what is inside played. It answers for every name: the environment's CA certifies it.
type tlsPlayer struct {
	server *Server
	// protocols has what the recording holds of each destination, as ALPN names it.
	protocols map[string][]string
}

func newTLSPlayer(s *Server) player {
	p := &tlsPlayer{server: s, protocols: map[string][]string{}}
	for _, name := range []string{"h2", "http/1.1"} { // in the order of preference
		for _, r := range s.index.Records() {
			to := match.Destination(match.HostName(r.GetHost()), r.GetPort())
			if offered := p.protocols[to]; alpn(r) == name && (len(offered) == 0 || offered[len(offered)-1] != name) {
				p.protocols[to] = append(offered, name)
			}
		}
	}
	return p
}

// alpn is the protocol of a record as ALPN names it, "" for those that have no name.
func alpn(r *trafficpb.Record) string {
	switch r.GetProtocol() {
	case traffic.ProtocolHTTP2, traffic.ProtocolGRPC:
		return "h2"
	case traffic.ProtocolHTTP1, traffic.ProtocolWebSocket:
		return "http/1.1"
	}
	return ""
}

func (p *tlsPlayer) detect(_ *connection, first []byte) http1.Verdict {
	if p.server.Leaves == nil {
		return http1.No
	}
	switch _, verdict := clienthello.Read(first); verdict {
	case clienthello.Yes:
		return http1.Yes
	case clienthello.No:
		return http1.No
	}
	return http1.Undecided
}

func (p *tlsPlayer) play(ctx context.Context, c *connection) {
	inner, err := p.accept(ctx, c)
	if err != nil {
		if ctx.Err() == nil {
			p.server.reporter.MissedOpaque(c.host, c.hello.GetPort(), 0, err.Error())
		}
		c.reset()
		return
	}
	inner.run(ctx)
}

// accept makes the TLS connection to the workload and returns what it carries.
func (p *tlsPlayer) accept(ctx context.Context, c *connection) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	var name string
	conn := tls.Server(&unread{c.link, c.r}, &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			name = strings.ToLower(hello.ServerName)
			return &tls.Config{
				MinVersion: tls.VersionTLS12, GetCertificate: p.certificate(c), NextProtos: p.protocols[match.Destination(p.host(c, name), c.hello.GetPort())],
			}, nil
		},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("the TLS handshake for %q failed: %w", name, err)
	}
	hello := proto.CloneOf(c.hello)
	hello.Host = p.host(c, name)
	return newConnection(p.server, tlsLink{conn, c.link}, hello), nil
}

// host is the name that is looked for in the recording: the one that the client asks for, unless only the one that it looked up is known.
func (p *tlsPlayer) host(c *connection, asked string) string {
	if asked == "" || c.hello.GetHost() != "" && !p.server.index.Knows(asked, c.hello.GetPort()) {
		return c.hello.GetHost()
	}
	return asked
}

// certificate makes one for the name that a client asks for, or else for the one that it looked up.
func (p *tlsPlayer) certificate(c *connection) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := strings.ToLower(hello.ServerName)
		if name == "" {
			name = c.hello.GetHost()
		}
		if name == "" {
			return nil, errors.New("the client names no server, and used an address")
		}
		return p.server.Leaves.For(name)
	}
}

// unread is a connection of which something was read ahead.
type unread struct {
	link
	r *bufio.Reader
}

func (u *unread) Read(b []byte) (int, error) { return u.r.Read(b) }

// tlsLink is what TLS carries.
type tlsLink struct {
	*tls.Conn
	outer link
}

// CloseWrite ends the stream of TLS, and that of TCP as well.
func (l tlsLink) CloseWrite() error { return errors.Join(l.Conn.CloseWrite(), l.outer.CloseWrite()) }

// Close closes the TCP connection without another word of TLS.
func (l tlsLink) Close() error { return l.outer.Close() }

func (l tlsLink) SetLinger(seconds int) error { return l.outer.SetLinger(seconds) }

var _ net.Conn = tlsLink{}
