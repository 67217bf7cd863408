// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/reflection"

	"github.com/restage-dev/restage/pkg/protocol/grpc/grpctest"
)

// The ports of the dependency.
const (
	portHTTPS     = "8443" // HTTP/2 by ALPN
	portGRPCS     = "8444" // gRPC in TLS
	portGRPCClear = "8090" // gRPC in the clear, and a page for the readiness probe
)

// bodyLimit bounds what is read of an order.
const bodyLimit = 1 << 20

// serveDependency serves with the certificate in the directory until one of the servers fails.
func serveDependency(directory string) error {
	certificate, key := filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key")
	inTLS, err := credentials.NewServerTLSFromFile(certificate, key)
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /greeting", greet)
	mux.HandleFunc("POST /orders", order)
	failed := make(chan error, 3)
	go func() { failed <- server(":"+portHTTPS, mux).ListenAndServeTLS(certificate, key) }()
	go func() { failed <- serveGRPC(portGRPCS, grpc.Creds(inTLS)) }()
	go func() { failed <- serveGRPC(portGRPCClear) }()
	return <-failed
}

func serveGRPC(port string, options ...grpc.ServerOption) error {
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	s := grpc.NewServer(options...)
	grpctest.Register(s)
	reflection.Register(s)
	return s.Serve(listener)
}

// greet says hello, and sets a cookie that no recording may hold.
func greet(w http.ResponseWriter, r *http.Request) {
	client := r.FormValue("client")
	http.SetCookie(w, &http.Cookie{Name: "session", Value: "c00kie-" + client})
	fmt.Fprintf(w, "hello %s", client)
}

// order takes one of a client that knows the password, and has trailers.
func order(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Client, Password string
		Items            []int
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, bodyLimit)).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if in.Password != "hunter2-"+in.Client || r.Header.Get("Authorization") != "Bearer s3cret-"+in.Client {
		http.Error(w, "wrong password", http.StatusForbidden)
		return
	}
	w.Header().Set("Trailer", "Sum")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"accepted":%q,"items":%d}`, in.Client, len(in.Items))
	w.(http.Flusher).Flush() // without a Content-Length: curl leaves as soon as it has so many bytes, and hears no trailers
	w.Header().Set("Sum", fmt.Sprint(len(in.Items)))
}
