// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// window is the number of batches that may wait for their acknowledgement.
	window = 8
	// streamAge is when a stream is renewed, so that a rotated token or CA comes into use.
	streamAge = 10 * time.Minute
	// silence is how long the oldest batch may wait for its acknowledgement before the stream is given up.
	silence = 30 * time.Second

	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 10 * time.Second
)

// Pusher sends what a recorder holds to the forwarder, at least once.
type Pusher struct {
	Recorder *Recorder
	// Connect makes a connection to the forwarder, with credentials as they are now, and says the bearer token.
	Connect func() (conn *grpc.ClientConn, token string, err error)
	Log     *slog.Logger

	mu      sync.Mutex
	pending []*batch // sent on this stream or the ones before, in order, not acknowledged
	sentAt  time.Time

	failures atomic.Uint64
}

// Failures counts how often pushing failed and was tried again.
func (p *Pusher) Failures() uint64 { return p.failures.Load() }

// Run pushes until the context ends. It reconnects for as long as it takes.
func (p *Pusher) Run(ctx context.Context) {
	backoff := firstBackoff
	for ctx.Err() == nil {
		started := time.Now()
		err := p.push(ctx)
		if err == nil {
			backoff = firstBackoff
			continue // renewed because of its age
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(started) > lastBackoff {
			backoff = firstBackoff
		}
		p.failures.Add(1)
		p.Log.Warn("Pushing records to the forwarder failed, will try again", "err", err, "after", backoff)
		timer := time.NewTimer(backoff/2 + rand.N(backoff/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

// errRenew ends a stream that has grown old.
var errRenew = errors.New("the stream is to be renewed")

// push opens a stream, sends what was not acknowledged, and goes on until something fails or the stream is old.
func (p *Pusher) push(ctx context.Context) error {
	conn, token, err := p.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithCancelCause(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token))
	defer cancel(nil)
	stream, err := trafficpb.NewIngestClient(conn).Push(ctx, grpc.ForceCodecV2(newCodec()))
	if err != nil {
		return fmt.Errorf("opening a stream to the forwarder: %w", err)
	}

	age := time.AfterFunc(streamAge, func() { cancel(errRenew) })
	defer age.Stop()
	acknowledged := make(chan struct{}, window)
	var receiver sync.WaitGroup
	receiver.Go(func() { cancel(p.receive(stream, acknowledged)) })
	receiver.Go(func() { p.watch(ctx, cancel) })
	err = p.send(ctx, stream, acknowledged)
	cancel(err)
	receiver.Wait()
	if errors.Is(context.Cause(ctx), errRenew) {
		return nil
	}
	return context.Cause(ctx)
}

// send sends the batches that are pending, then new ones, at most a window of them at a time.
func (p *Pusher) send(ctx context.Context, stream trafficpb.Ingest_PushClient, acknowledged <-chan struct{}) error {
	p.mu.Lock()
	again := append([]*batch(nil), p.pending...)
	p.sentAt = time.Now()
	p.mu.Unlock()
	for number, inFlight := uint64(1), 0; ; number++ {
		for inFlight == window {
			select {
			case <-acknowledged:
				inFlight--
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		b, err := p.take(ctx, &again)
		if err != nil {
			return err
		}
		b.number = number
		if err := stream.SendMsg(b); err != nil {
			// The reason is what the receiving side gets; this is merely io.EOF.
			<-ctx.Done()
			return context.Cause(ctx)
		}
		inFlight++
		for len(acknowledged) > 0 {
			<-acknowledged
			inFlight--
		}
	}
}

// take returns the next batch to send: an old one first.
func (p *Pusher) take(ctx context.Context, again *[]*batch) (*batch, error) {
	if old := *again; len(old) > 0 {
		*again = old[1:]
		return old[0], nil
	}
	b, err := p.Recorder.next(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) == 0 {
		p.sentAt = time.Now()
	}
	p.pending = append(p.pending, b)
	return b, nil
}

// receive takes acknowledgements, which come in the order of the batches.
func (p *Pusher) receive(stream trafficpb.Ingest_PushClient, acknowledged chan<- struct{}) error {
	for number := uint64(1); ; number++ {
		response, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("waiting for acknowledgements: %w", err)
		}
		p.mu.Lock()
		if response.GetBatch() != number || len(p.pending) == 0 {
			p.mu.Unlock()
			return fmt.Errorf("the forwarder acknowledged batch %d, want %d", response.GetBatch(), number)
		}
		b := p.pending[0]
		p.pending = p.pending[1:]
		p.sentAt = time.Now()
		p.mu.Unlock()
		p.Recorder.done(b)
		acknowledged <- struct{}{}
	}
}

// watch gives a stream up whose acknowledgements do not come.
func (p *Pusher) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(silence / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.mu.Lock()
			stuck := len(p.pending) > 0 && time.Since(p.sentAt) > silence
			p.mu.Unlock()
			if stuck {
				cancel(fmt.Errorf("no acknowledgement within %v", silence))
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
