// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package etcd runs the embedded etcd: one member, in the server's process, on a unix socket in the data directory, so that
// nothing but this process reaches it.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
)

const (
	startTimeout = time.Minute
	// maxSocketPath is what the kernel takes.
	maxSocketPath = 107
	// bootstrapDefragMegabytes is how much a defragmentation at the start, when nobody waits for it, must free.
	bootstrapDefragMegabytes = 32
)

// Options say where the data is and how large it may become.
type Options struct {
	// DataDir is made when it does not exist.
	DataDir string
	// QuotaBytes is the size of the database at which writes are refused.
	QuotaBytes int64
}

// Server is a running etcd.
type Server struct {
	etcd     *embed.Etcd
	lock     *os.File
	socket   string
	logLevel zap.AtomicLevel
	running  gate
}

// paths are the places in the data directory.
type paths struct {
	dir, data, lock, client, peer string
}

// prepare makes the data directory.
func prepare(dataDir string) (paths, error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return paths{}, fmt.Errorf("making the data directory: %w", err)
	}
	p, err := places(dataDir)
	if err == nil && len(p.client) > maxSocketPath {
		err = fmt.Errorf("data directory %q: the path of the socket in it, %q, is longer than %d bytes", dataDir, p.client, maxSocketPath)
	}
	return p, err
}

func places(dataDir string) (paths, error) {
	dir, err := filepath.Abs(dataDir)
	if err != nil {
		return paths{}, fmt.Errorf("finding the data directory: %w", err)
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	return paths{dir: dir, data: in("etcd"), lock: in("lock"), client: in("client.sock"), peer: in("peer.sock")}, nil
}

// URL is what clients of the etcd in a data directory connect to while it runs.
func URL(dataDir string) (string, error) {
	p, err := places(dataDir)
	return "unix://" + p.client, err
}

// Start runs etcd until Close. It waits for a moment when another process still uses the data directory.
func Start(ctx context.Context, opts Options) (*Server, error) {
	p, err := prepare(opts.DataDir)
	if err != nil {
		return nil, err
	}
	lock, err := acquire(ctx, p.lock)
	if err != nil {
		return nil, err
	}
	server := &Server{lock: lock, socket: p.client, logLevel: zap.NewAtomicLevelAt(zap.WarnLevel)}
	logger, err := newLogger(server.logLevel)
	if err == nil {
		server.etcd, err = run(ctx, config(p, opts.QuotaBytes, logger))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the embedded etcd in %s: %w", p.dir, err), lock.Close())
	}
	klog.FromContext(ctx).Info("Embedded etcd is ready", "dataDir", p.dir, "quotaBytes", opts.QuotaBytes)
	return server, nil
}

func config(p paths, quota int64, logger *zap.Logger) *embed.Config {
	cfg := embed.NewConfig()
	cfg.Name = "restage"
	cfg.Dir = p.data
	cfg.ListenClientUrls = []url.URL{{Scheme: "unix", Path: p.client}}
	cfg.AdvertiseClientUrls = cfg.ListenClientUrls
	// Of a peer URL etcd listens on the host alone; with the path it would take an abstract socket, open to the whole pod.
	cfg.ListenPeerUrls = []url.URL{{Scheme: "unix", Host: p.peer}}
	cfg.AdvertisePeerUrls = []url.URL{{Scheme: "unix", Path: p.peer}}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.QuotaBackendBytes = quota
	cfg.BootstrapDefragThresholdMegabytes = bootstrapDefragMegabytes
	cfg.EnableGRPCGateway = false
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(logger)
	return cfg
}

func newLogger(level zap.AtomicLevel) (*zap.Logger, error) {
	cfg := zap.NewProductionConfig()
	cfg.Level = level
	cfg.DisableStacktrace = true
	cfg.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	return cfg.Build()
}

func run(ctx context.Context, cfg *embed.Config) (*embed.Etcd, error) {
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, err
	}
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, nil
	case err = <-etcd.Err():
	case <-ctx.Done():
		err = ctx.Err()
	case <-timeout.C:
		err = fmt.Errorf("it was not ready within %v", startTimeout)
	}
	etcd.Close()
	return nil, err
}

// URL is what clients connect to.
func (s *Server) URL() string {
	return "unix://" + s.socket
}

// Err tells when etcd has failed.
func (s *Server) Err() <-chan error {
	return s.etcd.Err()
}

// Close ends etcd. The API server must have ended before.
func (s *Server) Close() error {
	s.running.close()
	s.logLevel.SetLevel(zap.FatalLevel) // etcd reports each of its listeners that closes as an error
	s.etcd.Close()
	return s.lock.Close()
}
