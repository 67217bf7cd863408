// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"

	nethttp2 "golang.org/x/net/http2"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/http2"
)

// http2Player answers the calls of connections that speak HTTP/2, gRPC among them, each at its own pace.
type http2Player struct{ log *slog.Logger }

func newHTTP2Player(s *Server) player { return http2Player{s.log} }

func (http2Player) detect(_ *connection, first []byte) http1.Verdict {
	if len(first) == 0 {
		return http1.No // a client says something first
	}
	return http2.Detect(first)
}

func (p http2Player) play(ctx context.Context, c *connection) {
	var calls sync.WaitGroup
	defer calls.Wait()
	resets := &resets{codes: map[uint32]nethttp2.ErrCode{}}
	listener := newSingleListener(c, resets)
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			defer calls.Done()
			answerHTTP2(c, resets, w, r)
		}),
		Protocols:      new(http.Protocols),
		MaxHeaderBytes: requestLimits.Head,
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: 1000},
		BaseContext:    func(net.Listener) context.Context { return ctx },
		ErrorLog:       slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	server.Protocols.SetUnencryptedHTTP2(true)
	_ = server.Serve(listener) // ends with the connection
}

// singleListener hands out one connection, and ends when that is closed.
type singleListener struct {
	*connection
	tagger  tagger
	patcher patcher
	out     chan net.Conn
	gone    chan struct{}
	once    sync.Once
}

func newSingleListener(c *connection, r *resets) *singleListener {
	l := &singleListener{
		connection: c, tagger: tagger{from: c.r}, patcher: patcher{to: c.link, resets: r},
		out: make(chan net.Conn, 1), gone: make(chan struct{}),
	}
	l.out <- l
	return l
}

// Accept returns the connection, and io.EOF after its end.
func (l *singleListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.out:
		return c, nil
	case <-l.gone:
		return nil, io.EOF
	}
}

// Addr is that of the connection.
func (l *singleListener) Addr() net.Addr { return l.LocalAddr() }

// Read goes on after what was looked at to know the protocol.
func (l *singleListener) Read(p []byte) (int, error) { return l.tagger.Read(p) }

// Write gives resets their codes.
func (l *singleListener) Write(p []byte) (int, error) { return l.patcher.Write(p) }

// Close closes the connection.
func (l *singleListener) Close() error {
	l.once.Do(func() { close(l.gone) })
	return l.connection.Close()
}
