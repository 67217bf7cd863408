// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"gocloud.dev/blob"
	"google.golang.org/protobuf/proto"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// fileBytes is about what one file of a snapshot has before compression: few and large, for the sake of query engines.
const fileBytes = 512 << 20

// cut writes a snapshot of what is sealed. The manifest comes last: without it the snapshot is not there.
func cut(ctx context.Context, bucket *blob.Bucket, request *trafficpb.BuildRequest, fileBytes int) (*trafficpb.Manifest, error) {
	ref := request.GetSnapshot()
	w := window{request.GetFrom(), request.GetTo()}
	around := window{w.from - int64(margin), saturatingAdd(w.to, margin)}
	losses, err := readLosses(ctx, bucket, ref.GetNamespace(), request.GetWorkload(), around)
	if err != nil {
		return nil, err
	}
	files, err := store.ListTraffic(ctx, bucket, ref.GetNamespace(), request.GetWorkload())
	if err != nil {
		return nil, err
	}
	s := newSummary(ref, request.GetWorkload(), w)
	s.manifest.Redaction, s.manifest.DescriptorSet = request.GetRedaction(), request.GetDescriptorSet()
	for _, loss := range losses {
		if loss.From < w.to && loss.To >= w.from {
			s.manifest.Dropped += loss.Count
		}
	}
	return write(ctx, bucket, s, newLinker(w, losses).link(merge(ctx, bucket, files, around.from, around.to)), fileBytes)
}

// write writes records, which come in the order of their starts, and the manifest.
func write(ctx context.Context, bucket *blob.Bucket, s *summary, records iter.Seq2[*trafficpb.Record, error], fileBytes int) (*trafficpb.Manifest, error) {
	prefix := store.SnapshotPrefix(s.manifest.GetSnapshot().GetNamespace(), s.manifest.GetSnapshot().GetUid())
	if err := store.DeletePrefix(ctx, bucket, prefix); err != nil { // what an interrupted cut left
		return nil, err
	}
	next, stop := iter.Pull2(records)
	defer stop()
	record, readErr, ok := next()
	for number := 0; ok; number++ {
		name := store.SnapshotFile(number)
		sum := sha256.New()
		err := store.Put(ctx, bucket, prefix+name, func(out io.Writer) error {
			writer := store.NewWriter(&measured{Writer: out, sum: sum, size: &s.manifest.SizeBytes})
			for size := 0; ok && size < fileBytes; record, readErr, ok = next() {
				if readErr != nil {
					return readErr
				}
				if err := writer.Write(record); err != nil {
					return err
				}
				s.add(record)
				size += proto.Size(record)
			}
			return writer.Close()
		})
		if err != nil {
			return nil, err
		}
		s.addFile(name, sum)
	}
	manifest := s.done()
	return manifest, store.WriteManifest(ctx, bucket, manifest)
}

// readLosses reads the losses that touch a window.
func readLosses(ctx context.Context, bucket *blob.Bucket, namespace, workload string, w window) ([]store.Loss, error) {
	files, err := store.ListLosses(ctx, bucket, namespace, workload)
	if err != nil {
		return nil, err
	}
	var losses []store.Loss
	for _, file := range files {
		if file.First >= w.to || file.Sealed.Add(clockSkew).UnixNano() < w.from {
			continue
		}
		list, err := store.ReadLosses(ctx, bucket, file.Key)
		if store.IsNotFound(err) {
			klog.FromContext(ctx).Info("A file of losses was removed by retention while a snapshot was cut", "key", file.Key)
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, loss := range list {
			if loss.From < w.to && loss.To >= w.from {
				losses = append(losses, loss)
			}
		}
	}
	return losses, nil
}

// summary is what the manifest says of the records.
type summary struct {
	manifest *trafficpb.Manifest
	slices   map[sliceKey]*trafficpb.SliceInfo
	pods     map[string]bool
	redacted map[string]uint64 // by class
	content  hash.Hash         // of a line for each file: its hash and its name
}

type sliceKey struct {
	key       string
	direction trafficpb.Direction
	protocol  string
}

func newSummary(ref *trafficpb.ObjectRef, workload string, w window) *summary {
	return &summary{
		manifest: &trafficpb.Manifest{
			Snapshot: ref, SchemaVersion: store.SchemaVersion, Workload: workload, From: w.from, To: w.to,
		},
		slices: make(map[sliceKey]*trafficpb.SliceInfo), pods: make(map[string]bool), redacted: make(map[string]uint64), content: sha256.New(),
	}
}

func (s *summary) add(record *trafficpb.Record) {
	m := s.manifest
	start := traffic.Start(record)
	if m.FirstRequest == 0 {
		m.FirstRequest = start
	}
	m.LastRequest = start
	if record.GetDirection() == trafficpb.Direction_DIRECTION_INBOUND {
		m.Inbound++
	} else {
		m.Outbound++
	}
	if len(record.GetDefects()) > 0 {
		m.Incomplete++
	}
	if record.GetNotReplayable() {
		m.NotReplayable++
	}
	s.pods[record.GetPod()] = true
	for _, redaction := range record.GetRedactions() {
		s.redacted[redaction.GetName()] += redaction.GetCount()
	}
	key := sliceKey{traffic.SliceKey(record), record.GetDirection(), record.GetProtocol()}
	info, ok := s.slices[key]
	if !ok {
		info = &trafficpb.SliceInfo{Key: key.key, Direction: key.direction, Protocol: key.protocol}
		s.slices[key] = info
	}
	info.Records++
}

func (s *summary) addFile(name string, sum hash.Hash) {
	s.manifest.Files = append(s.manifest.Files, name)
	fmt.Fprintf(s.content, "%x %s\n", sum.Sum(nil), name)
}

func (s *summary) done() *trafficpb.Manifest {
	s.manifest.Slices = slices.SortedFunc(maps.Values(s.slices), func(a, b *trafficpb.SliceInfo) int {
		return cmp.Or(cmp.Compare(a.GetDirection(), b.GetDirection()), strings.Compare(a.GetKey(), b.GetKey()),
			strings.Compare(a.GetProtocol(), b.GetProtocol()))
	})
	s.manifest.Redacted = counts(s.redacted)
	s.manifest.Pods = slices.Sorted(maps.Keys(s.pods))
	s.manifest.ContentHash = "sha256:" + hex.EncodeToString(s.content.Sum(nil))
	return s.manifest
}

// counts lists them by name, in the order of the names.
func counts(of map[string]uint64) (list []*trafficpb.Count) {
	for _, name := range slices.Sorted(maps.Keys(of)) {
		list = append(list, &trafficpb.Count{Name: name, Count: of[name]})
	}
	return list
}

// measured hashes and counts what passes.
type measured struct {
	io.Writer
	sum  hash.Hash
	size *int64
}

func (m *measured) Write(p []byte) (int, error) {
	n, err := m.Writer.Write(p)
	m.sum.Write(p[:n])
	*m.size += int64(n)
	return n, err
}
