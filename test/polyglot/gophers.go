// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"

	"github.com/restage-dev/restage/pkg/protocol/grpc/grpctest"
)

// goClient is net/http.
func goClient(ctx context.Context, host string) ([]string, error) {
	to := "https://" + host + ":" + portHTTPS
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	greeting, err := http.NewRequestWithContext(ctx, http.MethodGet, to+"/greeting?client=go", nil)
	if err != nil {
		return nil, err
	}
	order, err := http.NewRequestWithContext(ctx, http.MethodPost, to+"/orders",
		strings.NewReader(`{"client":"go","items":[1,2],"password":"hunter2-go"}`))
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, request := range []*http.Request{greeting, order} {
		request.Header.Set("Authorization", "Bearer s3cret-go")
		request.Header.Set("Content-Type", "application/json")
		response, err := transport.RoundTrip(request)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, bodyLimit))
		response.Body.Close()
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("%s %d %s sum %s", response.Proto, response.StatusCode, body, response.Trailer.Get("Sum")))
	}
	return lines, nil
}

func grpcInTLS(ctx context.Context, host string) ([]string, error) {
	return grpcCalls(ctx, host+":"+portGRPCS, credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12}))
}

func grpcInTheClear(ctx context.Context, host string) ([]string, error) {
	return grpcCalls(ctx, host+":"+portGRPCClear, insecure.NewCredentials())
}

// grpcCalls makes a call of each kind, and one more whose messages no recording may hold as they are.
func grpcCalls(ctx context.Context, address string, transport credentials.TransportCredentials) ([]string, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(transport))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stub := pb.NewTestServiceClient(conn)
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer s3cret-grpc")
	lines, err := grpctest.CallAll(ctx, stub, "seed")
	if err != nil {
		return nil, err
	}
	letters, err := stub.StreamingInputCall(ctx)
	if err != nil {
		return nil, err
	}
	for range 2 {
		if err := letters.Send(&pb.StreamingInputCallRequest{Payload: grpctest.Payload("to: ada@polyglot.example")}); err != nil {
			return nil, err
		}
	}
	sum, err := letters.CloseAndRecv()
	if err != nil {
		return nil, err
	}
	return append(lines, sum.String()), nil
}
