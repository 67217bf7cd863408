// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package clienthello knows a TLS connection by its first bytes, and reads what its client says of itself.
package clienthello

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"time"
)

const (
	recordHeader    = 5
	handshakeRecord = 22
	majorVersion    = 3
	clientHello     = 1
	handshakeHeader = 4 // of a handshake message: its type and its length
	// Longest is the most bytes that a ClientHello may have to be read. Those with keys of post-quantum exchanges have about 2 KiB.
	Longest = 64 << 10
	// encrypted is the extension that hides the true ClientHello; see RFC 9849.
	encrypted = 0xfe0d
)

// Verdict says whether a connection begins with a ClientHello.
type Verdict int

// Verdicts.
const (
	Undecided Verdict = iota // more bytes are needed
	Yes
	No
)

// Hello is what a client offers.
type Hello struct{ *tls.ClientHelloInfo }

// IsEncrypted tells whether the client hides what it truly asks for. It may also merely pretend to, as browsers do.
func (h Hello) IsEncrypted() bool { return slices.Contains(h.Extensions, encrypted) }

// Read reads the ClientHello that a connection begins with. It is set when the verdict is Yes.
func Read(first []byte) (Hello, Verdict) {
	if verdict := whole(first); verdict != Yes {
		return Hello{}, verdict
	}
	var hello *tls.ClientHelloInfo
	// crypto/tls reads it and is stopped before it answers.
	err := tls.Server(readOnly{bytes.NewReader(first)}, &tls.Config{
		MinVersion: tls.VersionTLS10, // what is offered is looked at; nothing is negotiated
		GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
			hello = info
			return nil, errRead
		},
	}).Handshake()
	if hello == nil || !errors.Is(err, errRead) {
		return Hello{}, No
	}
	return Hello{hello}, Yes
}

var errRead = errors.New("the ClientHello was read")

// whole tells whether the bytes hold a ClientHello to its end. It may be spread over several records.
func whole(first []byte) Verdict {
	var message []byte
	for rest := first; ; {
		if verdict := header(rest); verdict != Yes {
			return verdict
		}
		length := int(binary.BigEndian.Uint16(rest[3:]))
		rest = rest[recordHeader:]
		part := rest[:min(length, len(rest))]
		message = append(message, part...)
		if len(message) > 0 && message[0] != clientHello {
			return No
		}
		if len(message) >= handshakeHeader {
			switch size := handshakeHeader + (int(message[1])<<16 | int(message[2])<<8 | int(message[3])); {
			case size > Longest:
				return No
			case len(message) >= size:
				return Yes
			}
		}
		if len(part) < length {
			return Undecided
		}
		rest = rest[length:]
	}
}

// header looks at the first bytes of a record.
func header(b []byte) Verdict {
	switch {
	case len(b) > 0 && b[0] != handshakeRecord, len(b) > 1 && b[1] != majorVersion:
		return No
	case len(b) < recordHeader:
		return Undecided
	case binary.BigEndian.Uint16(b[3:]) == 0: // a record without bytes is not allowed, and would make this loop long
		return No
	}
	return Yes
}

// readOnly is a connection that holds what has come, and drops what is answered.
type readOnly struct{ io.Reader }

func (readOnly) Write(p []byte) (int, error)      { return len(p), nil }
func (readOnly) Close() error                     { return nil }
func (readOnly) LocalAddr() net.Addr              { return nil }
func (readOnly) RemoteAddr() net.Addr             { return nil }
func (readOnly) SetDeadline(time.Time) error      { return nil }
func (readOnly) SetReadDeadline(time.Time) error  { return nil }
func (readOnly) SetWriteDeadline(time.Time) error { return nil }
