// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package play

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// longestHello bounds a TunnelHello, in bytes.
const longestHello = 8 << 10

// readHello reads the length and the TunnelHello that a tunnel begins with, and nothing after it.
func readHello(r io.Reader) (*trafficpb.TunnelHello, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, fmt.Errorf("reading the length of the hello: %w", err)
	}
	size := binary.BigEndian.Uint16(length[:])
	if size > longestHello {
		return nil, fmt.Errorf("the hello has %d bytes, allowed are %d", size, longestHello)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("reading the hello: %w", err)
	}
	hello := &trafficpb.TunnelHello{}
	if err := proto.Unmarshal(data, hello); err != nil {
		return nil, fmt.Errorf("parsing the hello: %w", err)
	}
	if hello.GetPort() == 0 || hello.GetPort() > 65535 {
		return nil, fmt.Errorf("port of the hello: %d, allowed are 1 to 65535", hello.GetPort())
	}
	if hello.GetHost() == "" && hello.GetAddress() == "" {
		return nil, errors.New("the hello has neither host nor address")
	}
	return hello, nil
}
