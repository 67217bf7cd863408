// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/restage-dev/restage/pkg/proxy/relay"
	"github.com/restage-dev/restage/pkg/wiring"
)

// idleRetry is as long as the kubelet takes between two startup probes.
const idleRetry = time.Second

// Idle does nothing until the context ends but answer the startup probe at an address of the node, without which the workload would not start.
// Where another proxy of ours has the port, that one answers, and this one waits for its place.
func Idle(ctx context.Context, host string, log *slog.Logger) error {
	waiting := false
	for ctx.Err() == nil {
		var admin *net.TCPListener
		err := listen(ctx, &admin, host, wiring.ProxyAdminPort)
		switch {
		case err == nil:
			return serveAdmin(ctx, admin, func() bool { return true }, nil)
		case ctx.Err() == nil && !errors.Is(err, syscall.EADDRINUSE):
			return err
		case ctx.Err() == nil && !waiting:
			waiting = true
			log.Info("Something else has the port of the startup probe, will take it when it is free", "err", err)
		}
		_ = relay.Pause(ctx, idleRetry)
	}
	return nil
}
