// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package forwarder assembles restage-forwarder: it takes records from proxies, keeps them, cuts and serves snapshots, and
// keeps the reports of replays.
package forwarder

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/ingest"
	"github.com/restage-dev/restage/pkg/forwarder/journal"
	"github.com/restage-dev/restage/pkg/forwarder/replays"
	"github.com/restage-dev/restage/pkg/forwarder/snapshot"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	sealBytes        = 16 << 20
	maxStreams       = 256 // of a connection
	maxHeaderBytes   = 64 << 10
	handshakeTimeout = 10 * time.Second
	stopTimeout      = 10 * time.Second
)

// Options of a forwarder.
type Options struct {
	// Listener takes gRPC over TLS, HealthListener HTTP for /livez and /readyz. The forwarder closes both.
	Listener       net.Listener
	HealthListener net.Listener
	// Certificate returns the serving certificate, for each handshake.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Reviewer knows the callers and their rights.
	Reviewer auth.Reviewer
	// DataDir is where the log is kept, and the traffic too unless StorageURL says otherwise.
	DataDir string
	// StorageURL is file:///directory or s3://bucket?region=…; "" is DefaultStorageURL.
	StorageURL string
	// Retention is how long sealed traffic is kept. Snapshots and reports are kept until they are deleted.
	Retention time.Duration
	// SealInterval is how long records stay in the log at most.
	SealInterval time.Duration
	// LogLimit is the size of the log in bytes from which on proxies wait.
	LogLimit int64
}

// DefaultStorageURL is where traffic is kept by default.
func DefaultStorageURL(dataDir string) string {
	return "file://" + filepath.Join(dataDir, "storage")
}

// Forwarder is one that is ready to run.
type Forwarder struct {
	options Options
	bucket  *blob.Bucket
	journal *journal.Journal

	storageOK atomic.Int64 // Unix nanoseconds of the last probe of the storage that succeeded
}

// New opens what the forwarder keeps, and recovers what was not sealed when it last ran.
func New(ctx context.Context, options Options) (*Forwarder, error) {
	if options.Retention <= 0 {
		return nil, fmt.Errorf("retention: %v is not positive", options.Retention)
	}
	dataDir, err := filepath.Abs(options.DataDir)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	options.DataDir = dataDir
	if options.StorageURL == "" {
		options.StorageURL = DefaultStorageURL(dataDir)
	}
	bucket, err := store.OpenBucket(ctx, options.StorageURL)
	if err != nil {
		return nil, err
	}
	j, err := journal.Open(ctx, journal.Options{
		Dir: filepath.Join(dataDir, "log"), Bucket: bucket,
		SealInterval: options.SealInterval, SealBytes: sealBytes, LogLimit: options.LogLimit,
	})
	if err != nil {
		return nil, errors.Join(err, bucket.Close())
	}
	return &Forwarder{options: options, bucket: bucket, journal: j}, nil
}

// Run serves until the context ends or something fails that only a new start can mend. What is not sealed at the end stays
// in the log. It may be called once.
func (f *Forwarder) Run(ctx context.Context) error {
	guard := auth.NewGuard(f.options.Reviewer)
	snapshots := snapshot.New(ctx, f.bucket, f.journal, guard, filepath.Join(f.options.DataDir, "uploads"))
	server := f.newServer(guard)
	trafficpb.RegisterIngestServer(server, ingest.New(f.journal))
	trafficpb.RegisterCapturesServer(server, ingest.NewCaptures(f.journal, guard))
	trafficpb.RegisterSnapshotsServer(server, snapshots)
	trafficpb.RegisterReplaysServer(server, replays.New(f.bucket, guard, filepath.Join(f.options.DataDir, "replay-logs")))
	health := &http.Server{
		Handler: f.health(), ReadHeaderTimeout: healthTimeout, MaxHeaderBytes: maxHeaderBytes,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}

	klog.FromContext(ctx).Info("Serving", "address", f.options.Listener.Addr().String(), "health", f.options.HealthListener.Addr().String())
	group, running := errgroup.WithContext(ctx)
	journalContext, stopJournal := context.WithCancel(context.WithoutCancel(ctx))
	defer stopJournal()
	group.Go(func() error { return ignoreClosed(server.Serve(f.options.Listener)) })
	group.Go(func() error { return ignoreClosed(health.Serve(f.options.HealthListener)) })
	group.Go(func() error { return f.journal.Run(journalContext) })
	group.Go(func() error { return f.retain(running, snapshots) })
	group.Go(func() error {
		<-running.Done()
		// Calls first, for they need the journal; streams of proxies do not end by themselves.
		snapshots.Stop()
		stopServer(server)
		stopJournal()
		return health.Close()
	})
	return errors.Join(group.Wait(), f.bucket.Close())
}

func (f *Forwarder) newServer(guard *auth.Guard) *grpc.Server {
	return grpc.NewServer(
		grpc.Creds(credentials.NewTLS(&tls.Config{GetCertificate: f.options.Certificate, MinVersion: tls.VersionTLS13})),
		grpc.UnaryInterceptor(guard.Unary), grpc.StreamInterceptor(guard.Stream),
		grpc.MaxRecvMsgSize(dial.MaxMessageBytes), grpc.MaxSendMsgSize(dial.MaxMessageBytes),
		grpc.MaxConcurrentStreams(maxStreams), grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	)
}

// stopServer lets calls end for a short time.
func stopServer(server *grpc.Server) {
	timer := time.AfterFunc(stopTimeout, server.Stop)
	defer timer.Stop()
	server.GracefulStop()
}

// ignoreClosed takes it for no error that a server was stopped, maybe before it served.
func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}
