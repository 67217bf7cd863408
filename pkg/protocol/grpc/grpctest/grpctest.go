// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package grpctest has a gRPC service with calls of all four kinds, for tests with real peers.
package grpctest

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Serve serves the service until the test ends, without TLS but for what the options say, and returns its address.
func Serve(t testing.TB, options ...grpc.ServerOption) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	Register(server)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// Register adds the service to a server.
func Register(server *grpc.Server) { pb.RegisterTestServiceServer(server, service{}) }

// Client returns a client whose connections are made by dial. The calls name the host as authority.
func Client(t testing.TB, host string, dial func(context.Context, string) (net.Conn, error)) pb.TestServiceClient {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+host, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(dial))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return pb.NewTestServiceClient(conn)
}

// Payload returns one with a text.
func Payload(text string) *pb.Payload { return &pb.Payload{Body: []byte(text)} }

type service struct {
	pb.UnimplementedTestServiceServer
}

// UnaryCall answers with the payload that was sent, or with the status that was asked for.
func (service) UnaryCall(ctx context.Context, in *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if s := in.GetResponseStatus(); s.GetCode() != 0 {
		return nil, status.Error(codes.Code(s.GetCode()), s.GetMessage())
	}
	_ = grpc.SetTrailer(ctx, metadata.Pairs("cost", "7")) // fails only outside of a call
	return &pb.SimpleResponse{Payload: Payload("echo " + string(in.GetPayload().GetBody()))}, nil
}

// StreamingOutputCall sends a message for each of the parameters.
func (service) StreamingOutputCall(in *pb.StreamingOutputCallRequest, out pb.TestService_StreamingOutputCallServer) error {
	for range in.GetResponseParameters() {
		if err := out.Send(&pb.StreamingOutputCallResponse{Payload: in.GetPayload()}); err != nil {
			return err
		}
	}
	return nil
}

// StreamingInputCall answers with the number of bytes that were sent.
func (service) StreamingInputCall(in pb.TestService_StreamingInputCallServer) error {
	var size int32
	for {
		m, err := in.Recv()
		if errors.Is(err, io.EOF) {
			return in.SendAndClose(&pb.StreamingInputCallResponse{AggregatedPayloadSize: size})
		}
		if err != nil {
			return err
		}
		size += int32(len(m.GetPayload().GetBody()))
	}
}

// FullDuplexCall answers each message with its payload.
func (service) FullDuplexCall(stream pb.TestService_FullDuplexCallServer) error {
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&pb.StreamingOutputCallResponse{Payload: Payload("echo " + string(m.GetPayload().GetBody()))}); err != nil {
			return err
		}
	}
}

// CallAll makes a call of each kind with the seed in its messages, and returns what came back as text, one line a message.
func CallAll(ctx context.Context, client pb.TestServiceClient, seed string) ([]string, error) {
	var got []string
	add := func(p *pb.Payload) { got = append(got, string(p.GetBody())) }
	unary, err := client.UnaryCall(ctx, &pb.SimpleRequest{Payload: Payload(seed)})
	if err != nil {
		return nil, err
	}
	add(unary.GetPayload())
	_, err = client.UnaryCall(ctx, &pb.SimpleRequest{Payload: Payload(seed), ResponseStatus: &pb.EchoStatus{Code: 5, Message: "no such " + seed}})
	got = append(got, status.Convert(err).Code().String()+" "+status.Convert(err).Message())

	out, err := client.StreamingOutputCall(ctx, &pb.StreamingOutputCallRequest{
		Payload: Payload(seed), ResponseParameters: []*pb.ResponseParameters{{}, {}, {}},
	})
	if err != nil {
		return nil, err
	}
	for {
		m, err := out.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		add(m.GetPayload())
	}

	in, err := client.StreamingInputCall(ctx)
	if err != nil {
		return nil, err
	}
	for range 3 {
		if err := in.Send(&pb.StreamingInputCallRequest{Payload: Payload(seed)}); err != nil {
			return nil, err
		}
	}
	sum, err := in.CloseAndRecv()
	if err != nil {
		return nil, err
	}
	got = append(got, sum.String())

	duplex, err := client.FullDuplexCall(ctx)
	if err != nil {
		return nil, err
	}
	for range 3 {
		if err := duplex.Send(&pb.StreamingOutputCallRequest{Payload: Payload(seed)}); err != nil {
			return nil, err
		}
		m, err := duplex.Recv()
		if err != nil {
			return nil, err
		}
		add(m.GetPayload())
	}
	if err := duplex.CloseSend(); err != nil {
		return nil, err
	}
	if _, err := duplex.Recv(); !errors.Is(err, io.EOF) {
		return nil, err
	}
	return got, nil
}

// DescriptorSet is that of the service, as protoc writes it.
func DescriptorSet(t testing.TB) []byte {
	t.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	var add func(file protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i))
		}
		if !slices.ContainsFunc(set.File, func(other *descriptorpb.FileDescriptorProto) bool { return other.GetName() == file.Path() }) {
			set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
		}
	}
	add(pb.File_grpc_testing_test_proto)
	data, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
