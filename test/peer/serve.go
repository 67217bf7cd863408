// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package peer

import "net"

// Serve handles each connection that comes, and closes it, until the listener is closed.
func Serve(listener net.Listener, handle func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			handle(conn)
		}()
	}
}
