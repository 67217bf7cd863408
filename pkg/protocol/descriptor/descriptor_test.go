// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package descriptor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/restage-dev/restage/pkg/protocol/descriptor/descriptortest"
)

func TestTypesOfCalls(t *testing.T) {
	set, err := Parse(descriptortest.Set(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{descriptortest.Path, "POST " + descriptortest.Path} {
		if of := set.Request(path); of == nil || of.FullName() != "shop.Get" {
			t.Errorf("requests to %s are of type %v", path, of)
		}
		if of := set.Response(path); of == nil || of.FullName() != "shop.Order" {
			t.Errorf("responses to %s are of type %v", path, of)
		}
	}
	for _, path := range []string{"", "/", "//", "shop.Orders", "/shop.Orders", "/shop.Orders/Lose", "/shop.Order/Find", "/other.Orders/Find", "GET /", "/a b/c d"} {
		if of := set.Request(path); of != nil {
			t.Errorf("%q has the type %v", path, of.FullName())
		}
	}
	for name, set := range map[string]*Set{"without a set": nil, "of one that cannot be read": {}} {
		if set.Request(descriptortest.Path) != nil || set.Response(descriptortest.Path) != nil {
			t.Errorf("something is known %s", name)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	many, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: make([]*descriptorpb.FileDescriptorProto, maxFiles+1)})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":         {nil, "without files"},
		"text":          {[]byte("syntax = \"proto3\";"), "not a FileDescriptorSet"},
		"an import":     {descriptortest.Set(t, "google/protobuf/timestamp.proto"), `could not resolve import "google/protobuf/timestamp.proto"`},
		"too long":      {make([]byte, MaxBytes+1), "1048577 bytes, at most 1048576 are allowed"},
		"too many":      {many, "4097 files, at most 4096 are allowed"},
		"a descriptor":  {[]byte{0x0a, 2, 0x0a, 0}, "do not fit together"},
		"without names": {[]byte{0x0a, 0}, "do not fit together"},
	} {
		if _, err := Parse(c.data); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), "\u00a0", " "), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestParseOptional(t *testing.T) {
	if set, err := ParseOptional(nil); set != nil || err != nil {
		t.Errorf("nothing is %v, error %v", set, err)
	}
	if set, err := ParseOptional(descriptortest.Set(t)); err != nil || set.Request(descriptortest.Path) == nil {
		t.Errorf("error %v", err)
	}
	if _, err := ParseOptional([]byte{0x0a, 0}); err == nil {
		t.Error("what cannot be read is no error")
	}
}

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "set")
	if _, err := ReadFile(path); !os.IsNotExist(err) {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(path, descriptortest.Set(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if set, err := ReadFile(path); err != nil || set.Request(descriptortest.Path) == nil {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(path, make([]byte, MaxBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "at most 1048576") {
		t.Errorf("error %v", err)
	}
}

// FuzzParse wants every set that is taken to answer for every path.
func FuzzParse(f *testing.F) {
	f.Add(descriptortest.Set(f), descriptortest.Path)
	f.Add([]byte{0x0a, 2, 0x0a, 0}, "//")
	f.Fuzz(func(t *testing.T, data []byte, path string) {
		set, err := Parse(data)
		if (set == nil) == (err == nil) {
			t.Fatalf("set %v, error %v", set, err)
		}
		if request, response := set.Request(path), set.Response(path); (request == nil) != (response == nil) {
			t.Fatalf("%q has the types %v and %v", path, request, response)
		}
	})
}
