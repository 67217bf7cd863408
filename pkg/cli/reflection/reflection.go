// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package reflection asks gRPC servers for the types of their messages.
package reflection

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
)

// versions of the service, newest first. Their messages are the same on the wire.
var versions = [...]string{"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}

// Files are the files of a descriptor set, by name. The zero value has none.
type Files struct {
	set  descriptorpb.FileDescriptorSet
	have map[string]bool
	size int
}

// Marshal returns the serialized FileDescriptorSet. The error says why it cannot be used.
func (f *Files) Marshal() ([]byte, error) {
	data, err := proto.Marshal(&f.set)
	if err != nil {
		return nil, err
	}
	_, err = descriptor.Parse(data)
	return data, err
}

// Add asks the server at an address, in the clear, for the files of all its services. A file of which there is one already stays as it is.
func (f *Files) Add(ctx context.Context, address string) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, version := range versions {
		err = f.ask(ctx, conn, version)
		if status.Code(err) != codes.Unimplemented {
			break
		}
	}
	if status.Code(err) == codes.Unimplemented {
		return fmt.Errorf("the server at %s has no reflection: it implements none of %s", address, strings.Join(versions[:], ", "))
	}
	if err != nil {
		return fmt.Errorf("asking the server at %s for its types: %w", address, err)
	}
	return nil
}

// stream is one conversation with the service.
type stream struct {
	grpc.ClientStream
}

func (f *Files) ask(ctx context.Context, conn *grpc.ClientConn, version string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	open, err := conn.NewStream(ctx, &reflectionpb.ServerReflection_ServiceDesc.Streams[0], "/"+version+"/ServerReflectionInfo")
	if err != nil {
		return err
	}
	s := stream{open}
	answer, err := s.exchange(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}})
	if err != nil {
		return err
	}
	for _, service := range answer.GetListServicesResponse().GetService() {
		if strings.HasPrefix(service.GetName(), "grpc.reflection.") {
			continue
		}
		err := f.take(s, &reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service.GetName()},
		})
		if err != nil {
			return fmt.Errorf("service %s: %w", service.GetName(), err)
		}
	}
	return nil
}

// take adds the files of an answer, and those that they import.
func (f *Files) take(s stream, request *reflectionpb.ServerReflectionRequest) error {
	answer, err := s.exchange(request)
	if err != nil {
		return err
	}
	var imports []string
	for _, data := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(data, file); err != nil {
			return fmt.Errorf("a file that is none: %w", err)
		}
		if f.have[file.GetName()] {
			continue
		}
		if f.size += len(data); f.size > descriptor.MaxBytes {
			return fmt.Errorf("files of more than %d bytes", descriptor.MaxBytes)
		}
		if f.have == nil {
			f.have = map[string]bool{}
		}
		f.have[file.GetName()] = true
		f.set.File = append(f.set.File, file)
		imports = append(imports, file.GetDependency()...)
	}
	for _, name := range imports {
		if f.have[name] {
			continue
		}
		err := f.take(s, &reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_FileByFilename{FileByFilename: name}})
		if err != nil {
			return fmt.Errorf("file %s: %w", name, err)
		}
		if !f.have[name] {
			return fmt.Errorf("file %s is not in what was answered", name)
		}
	}
	return nil
}

func (s stream) exchange(request *reflectionpb.ServerReflectionRequest) (*reflectionpb.ServerReflectionResponse, error) {
	// The error of a stream that has ended is told by what is received.
	_ = s.SendMsg(request)
	answer := &reflectionpb.ServerReflectionResponse{}
	if err := s.RecvMsg(answer); err != nil {
		return nil, err
	}
	if refused := answer.GetErrorResponse(); refused != nil {
		return nil, errors.New(refused.GetErrorMessage())
	}
	return answer, nil
}
