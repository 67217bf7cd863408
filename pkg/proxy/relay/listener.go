// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Listener accepts redirected connections, or those to one address.
type Listener struct {
	*net.TCPListener
	// OriginalDestination tells where a connection was going; nil asks the kernel.
	OriginalDestination func(*net.TCPConn) (netip.AddrPort, error)
	// At is where all connections were going, for a listener that stands in for that address itself; the zero value has each asked for.
	At netip.AddrPort
	// Handle serves and closes a connection.
	Handle func(ctx context.Context, c *net.TCPConn, to netip.AddrPort)
	Log    *slog.Logger
}

// Serve accepts until the context ends or the listener is closed, and returns why it stopped.
func (l *Listener) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		c, err := l.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return context.Cause(ctx)
		}
		if err != nil {
			// Out of file descriptors, or a connection that was gone before it was accepted: the next may do.
			l.Log.Warn("Accepting a connection failed", "address", l.Addr().String(), "err", err)
			if err := Pause(ctx, 100*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		go l.serve(ctx, c)
	}
}

func (l *Listener) serve(ctx context.Context, c *net.TCPConn) {
	to, err := l.destination(c)
	if err != nil {
		l.Log.Warn("Closed a connection that was not redirected here", "from", c.RemoteAddr().String(), "err", err)
		Reset(c)
		return
	}
	l.Handle(ctx, c, to)
}

// destination refuses a connection made to the listener itself: relaying it would come back here without end.
func (l *Listener) destination(c *net.TCPConn) (netip.AddrPort, error) {
	if l.At.IsValid() {
		return l.At, nil
	}
	find := l.OriginalDestination
	if find == nil {
		find = OriginalDestination
	}
	to, err := find(c)
	if err != nil {
		return to, err
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	local := c.LocalAddr().(*net.TCPAddr).AddrPort()
	if to.Port() == local.Port() && to.Addr() == local.Addr().Unmap() {
		return to, fmt.Errorf("its destination is the proxy's own port %d", to.Port())
	}
	return to, nil
}

// Pause waits for some time, and returns why the context ended if that is sooner.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
