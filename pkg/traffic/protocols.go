// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

// Protocols, as Record.protocol has them.
const (
	ProtocolHTTP1     = "http/1.1"
	ProtocolHTTP2     = "http/2"
	ProtocolGRPC      = "grpc"
	ProtocolWebSocket = "websocket"
	ProtocolOpaque    = "opaque" // any other
)
