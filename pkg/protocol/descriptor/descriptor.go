// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package descriptor knows from a descriptor set which types the messages of gRPC calls have. The wire has the numbers of fields only; the
// type gives them names, and says what their bytes are.
package descriptor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

const (
	// MaxBytes of a descriptor set, as many as a ConfigMap can have.
	MaxBytes = 1 << 20
	// maxFiles bounds the work on a set that is made of small files alone.
	maxFiles = 4096
)

// Set is what a descriptor set says. A nil set is that of who has named none; the zero Set is one that cannot be read. Both know nothing.
type Set struct{ files *protoregistry.Files }

// Parse reads a serialized google.protobuf.FileDescriptorSet, as protoc writes it with --descriptor_set_out and --include_imports.
func Parse(data []byte) (*Set, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%d bytes, at most %d are allowed", len(data), MaxBytes)
	}
	var files descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(data, &files); err != nil {
		return nil, fmt.Errorf("not a FileDescriptorSet: %w", err)
	}
	switch n := len(files.GetFile()); {
	case n == 0:
		return nil, errors.New("a FileDescriptorSet without files")
	case n > maxFiles:
		return nil, fmt.Errorf("%d files, at most %d are allowed", n, maxFiles)
	}
	registry, err := protodesc.NewFiles(&files)
	if err != nil {
		return nil, fmt.Errorf("a set of files that do not fit together (protoc needs --include_imports): %w", err)
	}
	return &Set{registry}, nil
}

// ParseOptional is Parse of a set that need not be given: without any bytes it is nil.
func ParseOptional(data []byte) (*Set, error) {
	if len(data) == 0 {
		return nil, nil
	}
	return Parse(data)
}

// ReadFile reads the descriptor set in a file.
func ReadFile(path string) (*Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	set, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return set, nil
}

// Request returns the type of the messages in requests to a method, nil when it is not known. The method is given as the path of the call,
// "/shop.Orders/Get", or as the operation of its record, "POST /shop.Orders/Get".
func (s *Set) Request(path string) protoreflect.MessageDescriptor {
	if m := s.method(path); m != nil {
		return m.Input()
	}
	return nil
}

// Response returns the type of the messages in responses, as Request does.
func (s *Set) Response(path string) protoreflect.MessageDescriptor {
	if m := s.method(path); m != nil {
		return m.Output()
	}
	return nil
}

func (s *Set) method(path string) protoreflect.MethodDescriptor {
	if s == nil {
		return nil
	}
	service, name, ok := strings.Cut(path[strings.IndexByte(path, '/')+1:], "/")
	if !ok {
		return nil
	}
	found, err := s.files.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil
	}
	if of, ok := found.(protoreflect.ServiceDescriptor); ok {
		return of.Methods().ByName(protoreflect.Name(name))
	}
	return nil
}
