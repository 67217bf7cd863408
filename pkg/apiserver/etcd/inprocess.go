// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"google.golang.org/grpc"
	"k8s.io/apiserver/pkg/storage/storagebackend"
)

// Client returns a client whose reads and transactions are calls within this process. They are the same in all but what a connection
// costs, which is most of what they cost otherwise. Watches and all the rest, of which there are few, go over the socket.
func (s *Server) Client() (*kubernetes.Client, error) {
	client, err := Connect(storagebackend.TransportConfig{ServerList: []string{s.URL()}})
	if err != nil {
		return nil, err
	}
	client.KV = clientv3.NewKVFromKVClient(&inProcess{
		KVClient: clientv3.RetryKVClient(client), keys: v3rpc.NewQuotaKVServer(s.etcd.Server), running: &s.running,
	}, client)
	wrapped := &kubernetes.Client{Client: client}
	wrapped.Kubernetes = wrapped
	return wrapped, nil
}

// inProcess calls the methods of the server for those of the client.
type inProcess struct {
	pb.KVClient // over the socket
	keys        pb.KVServer
	running     *gate
}

func (c *inProcess) Range(ctx context.Context, in *pb.RangeRequest, _ ...grpc.CallOption) (*pb.RangeResponse, error) {
	return call(ctx, c.running, c.keys.Range, in)
}

func (c *inProcess) Txn(ctx context.Context, in *pb.TxnRequest, _ ...grpc.CallOption) (*pb.TxnResponse, error) {
	return call(ctx, c.running, c.keys.Txn, in)
}

func call[In, Out any](ctx context.Context, running *gate, method func(context.Context, In) (Out, error), in In) (out Out, err error) {
	if !running.enter() {
		return out, rpctypes.ErrGRPCStopped
	}
	defer running.leave()
	out, err = method(ctx, in)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // as a call over the socket ends, where etcd would say that it took too long
	}
	return out, err
}

// gate lets calls pass until it is closed, which waits for those within: etcd does not expect calls when it has closed its database, and
// elsewhere its listener sees to that.
type gate struct {
	mu     sync.RWMutex
	closed bool
}

func (g *gate) enter() bool {
	g.mu.RLock()
	if g.closed {
		g.mu.RUnlock()
		return false
	}
	return true
}

func (g *gate) leave() { g.mu.RUnlock() }

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}
