// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"
)

// inProcess answers what our admission plugins read of this server without a connection between, which would cost more than the
// reads do. All filters of the server see the request as any other. What is not a plain read goes over the wire.
type inProcess struct {
	handler atomic.Pointer[http.Handler]
}

// client returns the loopback configuration with this transport.
func (t *inProcess) client(loopback *rest.Config) *rest.Config {
	config := rest.CopyConfig(loopback)
	config.Wrap(func(wire http.RoundTripper) http.RoundTripper { return inProcessTransport{t, wire} })
	return config
}

// handlerChain wraps the API in the filters of the server.
type handlerChain = func(http.Handler, *genericapiserver.Config) http.Handler

// keep returns the chain. When it is built it is kept for us, too.
func (t *inProcess) keep(chain handlerChain) handlerChain {
	return func(handler http.Handler, c *genericapiserver.Config) http.Handler {
		full := chain(handler, c)
		t.handler.Store(&full)
		return full
	}
}

type inProcessTransport struct {
	server *inProcess
	wire   http.RoundTripper
}

func (t inProcessTransport) RoundTrip(request *http.Request) (response *http.Response, err error) {
	handler := t.server.handler.Load()
	if handler == nil || request.Method != http.MethodGet || request.URL.Query().Has("watch") {
		return t.wire.RoundTrip(request)
	}
	defer func() {
		if reason := recover(); reason != nil { // the server breaks a request off in this way
			err = fmt.Errorf("%s was broken off: %v", request.URL.Path, reason)
		}
	}()
	inner := request.Clone(withoutValues{request.Context()})
	inner.RequestURI, inner.Body = request.URL.RequestURI(), http.NoBody
	a := &answer{header: http.Header{}, status: http.StatusOK}
	(*handler).ServeHTTP(a, inner)
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Header: a.header, Request: request,
		Proto: request.Proto, ProtoMajor: request.ProtoMajor, ProtoMinor: request.ProtoMinor,
		Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()),
	}, nil
}

// withoutValues ends with the request that asks, and keeps the user, the audit event and all else of it from the one that answers.
type withoutValues struct{ context.Context }

func (withoutValues) Value(any) any { return nil }

// answer takes a response. Answers are as large as one of our objects or a list of classes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header            { return a.header }
func (a *answer) WriteHeader(status int)         { a.status = status }
func (a *answer) Write(data []byte) (int, error) { return a.body.Write(data) }
