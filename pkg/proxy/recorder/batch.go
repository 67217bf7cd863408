// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"fmt"
	"sync"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	protobuf "google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// batchBytes is about what one batch has; a single larger record makes a batch of its own.
	batchBytes   = 512 << 10
	batchRecords = 512
	// lossesSize is what the losses of a batch count for in bytes, so that a batch of nothing else counts as unsent.
	lossesSize = 512
	// recordsField is the number of records in a PushRequest.
	recordsField = 2
)

// batch is what one PushRequest carries. Its records are encoded one after the other, and it keeps them until it is acknowledged.
type batch struct {
	number       uint64 // on the stream on which it is sent
	instance     string
	slabs        *slabs
	records      *[]byte    // as they stand in a PushRequest
	sealed       mem.Buffer // the same, when no more come. The transport has a share in it for as long as it sends it
	count        int
	losses       []*trafficpb.Loss
	lossSequence uint64
	size         int64 // what it counts for in bytes
}

func (s *slabs) newBatch(instance string) *batch {
	return &batch{instance: instance, slabs: s, records: s.Get(0)}
}

func (b *batch) hasRoom(size int) bool { return b.count == 0 || len(*b.records)+size <= batchBytes }

func (b *batch) full() bool { return len(*b.records) >= batchBytes || b.count >= batchRecords }

// add appends a record that has some size when it is encoded, and returns by how much the batch has grown. The error is of text that is
// not UTF-8.
func (b *batch) add(record *trafficpb.Record, size int) (int64, error) {
	out := protowire.AppendTag(*b.records, recordsField, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(size))
	out, err := protobuf.MarshalOptions{UseCachedSize: true}.MarshalAppend(out, record)
	if err != nil {
		return 0, err
	}
	grown := int64(len(out) - len(*b.records))
	*b.records = out
	b.count++
	b.size += grown
	return grown, nil
}

// seal is for when no more records come.
func (b *batch) seal() { b.sealed = mem.NewBuffer(b.records, b.slabs) }

// free gives the memory of the records back, when the transport is done with it.
func (b *batch) free() { b.sealed.Free() }

// message is the batch as it is sent, a PushRequest.
func (b *batch) message() (mem.BufferSlice, error) {
	head, err := protobuf.Marshal(&trafficpb.PushRequest{Batch: b.number, ProxyInstance: b.instance, Losses: b.losses, LossSequence: b.lossSequence})
	if err != nil {
		return nil, fmt.Errorf("encoding a batch: %w", err)
	}
	message := mem.BufferSlice{mem.SliceBuffer(head)}
	if b.count > 0 {
		b.sealed.Ref()
		message = append(message, b.sealed)
	}
	return message, nil
}

// codec sends batches as they are, and all else as gRPC does.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// Marshal encodes a message of a stream to the forwarder.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if b, ok := v.(*batch); ok {
		return b.message()
	}
	return c.CodecV2.Marshal(v)
}

// slabs is the memory of batches that are acknowledged, for those that come.
type slabs struct{ pool sync.Pool }

// Get returns a slab, which holds what it is given.
func (s *slabs) Get(length int) *[]byte {
	if slab, ok := s.pool.Get().(*[]byte); ok && cap(*slab) >= length {
		*slab = (*slab)[:length]
		return slab
	}
	slab := make([]byte, length)
	return &slab
}

// Put takes a slab back. One that a large record has made large is not kept.
func (s *slabs) Put(slab *[]byte) {
	if cap(*slab) > 2*batchBytes {
		return
	}
	*slab = (*slab)[:0]
	s.pool.Put(slab)
}
