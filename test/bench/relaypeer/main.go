// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command relaypeer is what relaybench measures in a process of its own: the relay of restage-proxy, recording, whose connections all go to
// one address, since there are no rules here that redirect them; or httputil.ReverseProxy.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/restage-dev/restage/pkg/proxy"
	"github.com/restage-dev/restage/pkg/proxy/recorder"
	"github.com/restage-dev/restage/pkg/wiring"
)

const usage = `relaypeer record LISTEN ADMIN TARGET FORWARDER CA-FILE TOKEN-FILE
relaypeer reverseproxy LISTEN TARGET http1|h2c`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "relaypeer:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 7 && args[0] == "record":
		return record(ctx, args[1], args[2], args[3], recorder.Forwarder{Address: args[4], CAFile: args[5], TokenFile: args[6]})
	case len(args) == 4 && args[0] == "reverseproxy":
		return reverseProxy(ctx, args[1], args[2], args[3] == "h2c")
	}
	return errors.New("usage:\n" + usage)
}

// record is "restage-proxy run --mode=Capture" with its defaults.
func record(ctx context.Context, address, admin, target string, forwarder recorder.Forwarder) error {
	to, err := netip.ParseAddrPort(target)
	if err != nil {
		return err
	}
	config := proxy.CaptureConfig{
		Settings: wiring.NewCaptureSettings("bench", nil), Forwarder: forwarder, TeeMemory: 16 << 20, BufferMemory: 32 << 20,
		OriginalDestination: func(*net.TCPConn) (netip.AddrPort, error) { return to, nil },
	}
	for place, listener := range map[string]**net.TCPListener{address: &config.Outbound, "127.0.0.1:0": &config.Inbound, admin: &config.Admin} {
		at, err := net.ResolveTCPAddr("tcp", place)
		if err != nil {
			return err
		}
		if *listener, err = net.ListenTCP("tcp", at); err != nil {
			return err
		}
	}
	return proxy.RunCapture(ctx, config, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
}

// reverseProxy passes requests on in the protocol in which they come.
func reverseProxy(ctx context.Context, address, target string, h2c bool) error {
	handler := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: target})
	var protocols http.Protocols
	protocols.SetHTTP1(!h2c)
	protocols.SetUnencryptedHTTP2(h2c)
	handler.Transport = &http.Transport{Protocols: &protocols, MaxIdleConnsPerHost: 1000}
	server := &http.Server{Addr: address, Handler: handler, Protocols: &protocols, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
