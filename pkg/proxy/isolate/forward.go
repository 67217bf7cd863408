// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package isolate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"strconv"
	"time"

	"github.com/restage-dev/restage/pkg/proxy/relay"
)

const (
	forwardHeaderTimeout = 30 * time.Second
	forwardIdle          = 2 * time.Minute
	longestForwardHeader = 1 << 20 // bytes
)

// ServeForward answers, until the context ends, clients that heed HTTP_PROXY and HTTPS_PROXY: requests for other hosts and CONNECT. Both
// are led to the responder, and what is not recorded is refused by a closed connection, as it would be without a proxy.
func (i *Isolate) ServeForward(ctx context.Context, listener *net.TCPListener) error {
	f := &forward{isolate: i}
	f.plain = &httputil.ReverseProxy{
		Rewrite:       keep,
		FlushInterval: -1, // what is streamed is passed on as it comes
		Transport: &http.Transport{
			Proxy: nil, DialContext: f.dial, DisableCompression: true, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
		},
		ErrorHandler: f.fail,
		ErrorLog:     slog.NewLogLogger(i.log.Handler(), slog.LevelDebug),
	}
	server := &http.Server{
		Handler: f, ReadHeaderTimeout: forwardHeaderTimeout, MaxHeaderBytes: longestForwardHeader, IdleTimeout: forwardIdle,
		BaseContext: func(net.Listener) context.Context { return ctx }, ErrorLog: slog.NewLogLogger(i.log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving as an HTTP proxy at %s: %w", listener.Addr(), err)
	}
	return nil
}

// keep puts back what a reverse proxy takes out of a request by default: the responder is to see what the workload sent.
func keep(r *httputil.ProxyRequest) {
	r.Out.Host, r.Out.URL.RawQuery = r.In.Host, r.In.URL.RawQuery
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values, ok := r.In.Header[name]; ok {
			r.Out.Header[name] = values
		}
	}
}

// forward is an HTTP proxy in front of the responder.
type forward struct {
	isolate *Isolate
	plain   *httputil.ReverseProxy
}

func (f *forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A client that has said all still waits for the answer, while the server takes the end of what it says for its leaving.
	ctx, done := context.WithCancel(context.WithoutCancel(r.Context()))
	defer done()
	r = r.WithContext(ctx)
	switch {
	case r.Method == http.MethodConnect:
		f.connect(w, r)
	case r.URL.Scheme == "http" && r.URL.Host != "":
		f.plain.ServeHTTP(w, r)
	default:
		http.Error(w, "this is the HTTP proxy of an isolated environment: it takes requests with an absolute URL, and CONNECT", http.StatusBadRequest)
	}
}

// connect passes on the bytes of a connection. They are the workload's and the responder's from then on.
func (f *forward) connect(w http.ResponseWriter, r *http.Request) {
	server, err := f.lead(r.Context(), r.Host)
	if err != nil {
		f.fail(w, r, err)
	}
	client, early, err := http.NewResponseController(w).Hijack()
	if err != nil {
		server.Close()
		panic(http.ErrAbortHandler)
	}
	tcp := client.(*net.TCPConn)     // of the listener
	_ = tcp.SetDeadline(time.Time{}) // fails only on a closed connection, and so does what follows
	_, err = io.WriteString(tcp, "HTTP/1.1 200 Connection established\r\n\r\n")
	if err == nil {
		_, err = io.CopyN(server, early, int64(early.Reader.Buffered()))
	}
	if err != nil {
		relay.Reset(tcp)
		relay.Reset(server)
		return
	}
	relay.Run(tcp, server, nil, nil, &f.isolate.traffic)
}

// fail ends the client's connection: an answer would pass for one of the dependency.
func (f *forward) fail(_ http.ResponseWriter, r *http.Request, err error) {
	f.isolate.log.Warn("The HTTP proxy refused a request", "host", r.Host, "err", err)
	panic(http.ErrAbortHandler)
}

func (f *forward) dial(ctx context.Context, _, address string) (net.Conn, error) {
	return f.lead(ctx, address)
}

// lead makes the connection to the responder that stands for one to host:port.
func (f *forward) lead(ctx context.Context, address string) (*net.TCPConn, error) {
	to, err := f.destination(address)
	if err != nil {
		return nil, err
	}
	return f.isolate.lead(ctx, to)
}

// destination is the address that stands for a name, or the one that was asked for.
func (f *forward) destination(address string) (netip.AddrPort, error) {
	host, number, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil || port == 0 {
		return netip.AddrPort{}, fmt.Errorf("port %q, allowed are 1 to 65535", number)
	}
	addr, err := netip.ParseAddr(host)
	if err == nil {
		return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
	}
	names := f.isolate.names
	addr, ok := names.Address(host)
	if !ok {
		if names.Refuse(host) {
			f.isolate.note()
		}
		return netip.AddrPort{}, fmt.Errorf("%q is not in the recording", host)
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}
