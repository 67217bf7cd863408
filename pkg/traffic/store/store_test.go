// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"gocloud.dev/blob"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// order makes a record such as a shop has, with tokens that do not compress.
func order(random *rand.Rand, number int) *trafficpb.Record {
	start := int64(1_760_000_000_000_000_000) + int64(number)*1_000_003
	body := fmt.Appendf(nil, `{"order":%d,"customer":"%016x","items":[{"sku":"sku-%d","quantity":%d,"price":%d.99}],"token":"%016x%016x"}`,
		number, random.Uint64(), random.IntN(1000), random.IntN(9), random.IntN(500), random.Uint64(), random.Uint64())
	hash := sha256.Sum256(body)
	head := fmt.Appendf(nil, "POST /orders/%d HTTP/1.1\r\nHost: back:9898\r\nContent-Type: application/json\r\nTraceparent: 00-%016x%016x-%016x-01\r\n\r\n",
		number, random.Uint64(), random.Uint64(), random.Uint64())
	return &trafficpb.Record{
		Id: fmt.Sprintf("01J%023d", number), Session: fmt.Sprintf("%032x", number), Connection: fmt.Sprintf("c-%d", number/50),
		Ordinal: uint64(number % 50), Direction: trafficpb.Direction(1 + number%2), Protocol: "http/1.1",
		Namespace: "shop", Workload: "front", Pod: "front-1", PodUid: "uid-1", Sequence: uint64(number + 1), ProxyInstance: "p-1",
		Host: "back", Port: 9898, PeerAddress: "10.0.0.7:9898", Operation: fmt.Sprintf("POST /orders/%d", number),
		Request: &trafficpb.Message{Head: head, Body: body, BodyLength: int64(len(body)), BodySha256: hash[:], FirstByte: start, LastByte: start + 1000},
		Response: &trafficpb.Message{Head: []byte("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n"), Body: body,
			BodyLength: int64(len(body)), BodySha256: hash[:], FirstByte: start + 2_000_000, LastByte: start + 2_000_001},
		Status: 201, TraceId: fmt.Sprintf("%032x", random.Uint64()),
	}
}

func testBucket(t testing.TB) (*blob.Bucket, string) {
	dir := t.TempDir()
	bucket, err := OpenBucket(context.Background(), "file://"+dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bucket.Close()) })
	return bucket, dir
}

func writeFile(t testing.TB, bucket *blob.Bucket, key string, records []*trafficpb.Record) {
	require.NoError(t, Put(context.Background(), bucket, key, func(out io.Writer) error {
		writer := NewWriter(out)
		for _, record := range records {
			if err := writer.Write(record); err != nil {
				return err
			}
		}
		return writer.Close()
	}))
}

func TestRecordsComeBackAsTheyWere(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var records []*trafficpb.Record
	for i := range 1000 {
		records = append(records, order(random, i))
	}
	// What is unusual: no response, a failure, defects, redaction, bytes that are no text, a body larger than a page.
	records[10].Response, records[10].Status, records[10].Failure = nil, 0, "connect: connection refused"
	records[11].Defects = []trafficpb.Defect{trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED, trafficpb.Defect_DEFECT_CUT_OFF}
	records[12].Redacted = []string{"request.header.authorization", "response.body.token"}
	records[12].Redactions = []*trafficpb.Count{{Name: "Header", Count: 2}, {Name: "SecretField", Count: 1}}
	records[13].Request.Head = []byte{0, 0xff, 0xfe}
	records[14].Response.Body = bytes.Repeat([]byte("restage "), 100_000)
	records[15].Request.Body, records[15].Request.BodySha256 = nil, nil
	records[16].Parent, records[17].NotReplayable = records[15].GetId(), true
	records[18].Response.FirstByte = records[18].Request.GetFirstByte() // the server spoke first
	records[18].Request, records[18].Protocol, records[18].Operation = nil, "opaque", ""
	records[19].Request.Pieces = []*trafficpb.Piece{{End: 1, At: 7, Kind: 0x41}, {End: 1, At: 8, Kind: 9}}
	records[19].EndedBy = "client"
	records[21].Protocol, records[21].Stream, records[21].Scheme, records[21].GrpcStatus = "grpc", 1<<31-1, "https", 14
	records[21].Response.Trailers = []byte("grpc-status: 14\r\n")
	for i := range 5000 { // more than a page has
		records[20].Response.Pieces = append(records[20].Response.Pieces, &trafficpb.Piece{End: int64(i / 100), At: int64(i), Kind: uint32(i)})
	}
	bucket, _ := testBucket(t)
	writeFile(t, bucket, "a/b.parquet", records)

	reader, err := Open(t.Context(), bucket, "a/b.parquet")
	require.NoError(t, err)
	defer reader.Close()
	require.EqualValues(t, len(records), reader.Count())
	require.Equal(t, records[999].GetRequest().GetFirstByte(), reader.LastStart())
	for i, want := range records {
		got, err := reader.Next()
		require.NoError(t, err)
		require.True(t, proto.Equal(want, got), "record %d:\n%v\n%v", i, want, got)
	}
	_, err = reader.Next()
	require.ErrorIs(t, err, io.EOF)

	require.NoError(t, reader.Seek(500))
	got, err := reader.Next()
	require.NoError(t, err)
	require.Equal(t, records[500].GetId(), got.GetId())
}

func TestFileOfSeveralRowGroups(t *testing.T) {
	body := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(body)
	random := rand.New(rand.NewPCG(1, 2))
	var records []*trafficpb.Record
	for i := range 40 {
		record := order(random, i)
		record.Response.Body = body
		records = append(records, record)
	}
	bucket, _ := testBucket(t)
	writeFile(t, bucket, "large.parquet", records)
	reader, err := Open(t.Context(), bucket, "large.parquet")
	require.NoError(t, err)
	defer reader.Close()
	require.Greater(t, len(reader.parquet.File().RowGroups()), 1)
	require.NoError(t, reader.Seek(33))
	for _, want := range records[33:] {
		got, err := reader.Next()
		require.NoError(t, err)
		require.True(t, proto.Equal(want, got))
	}
}

func TestWriterRefusesRecordsOutOfOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	writer := NewWriter(io.Discard)
	require.NoError(t, writer.Write(order(random, 2)))
	require.ErrorContains(t, writer.Write(order(random, 1)), "out of order")
}

func TestInterruptedPutLeavesNothing(t *testing.T) {
	bucket, dir := testBucket(t)
	broken := errors.New("the source broke")
	err := Put(t.Context(), bucket, "traffic/shop/front/1-a.parquet", func(out io.Writer) error {
		_, _ = out.Write([]byte("half"))
		return broken
	})
	require.ErrorIs(t, err, broken)
	var files []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if !entry.IsDir() {
			files = append(files, path)
		}
		return err
	}))
	require.Empty(t, files)
}

func TestOpenRefusesAnotherSchemaVersion(t *testing.T) {
	var file bytes.Buffer
	writer := NewWriter(&file)
	writer.parquet.SetKeyValueMetadata(schemaVersionKey, "99")
	require.NoError(t, writer.Close())
	_, err := newReader("x", bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.ErrorContains(t, err, `schema version "99"`)
}

// TestVersion1 reads a file that was written when records had no pieces.
func TestVersion1(t *testing.T) {
	bucket, dir := testBucket(t)
	data, err := os.ReadFile("testdata/version1.parquet")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "old.parquet"), data, 0o600))
	reader, err := Open(t.Context(), bucket, "old.parquet")
	require.NoError(t, err)
	defer reader.Close()
	random := rand.New(rand.NewPCG(1, 2))
	require.EqualValues(t, 3, reader.Count())
	for i := range 3 {
		got, err := reader.Next()
		require.NoError(t, err)
		want := order(random, i)
		require.True(t, proto.Equal(want, got), "%v\n%v", want, got)
	}
}

func TestListTraffic(t *testing.T) {
	bucket, _ := testBucket(t)
	random := rand.New(rand.NewPCG(1, 2))
	for i, key := range []string{
		TrafficKey("shop", "front", 5_000_000_123, "B"), TrafficKey("shop", "front", 4_000_000_000, "A"),
		TrafficKey("shop", "front-2", 1, "C"), TrafficKey("other", "front", 1, "D"), LossesKey("shop", "front", 1, "E"),
		"traffic/shop/front/0000000000001-F.parquet.1.tmp",
	} {
		writeFile(t, bucket, key, []*trafficpb.Record{order(random, i)})
	}
	files, err := ListTraffic(t.Context(), bucket, "shop", "front")
	require.NoError(t, err)
	require.Len(t, files, 2)
	require.EqualValues(t, 4_000_000_000, files[0].First)
	require.EqualValues(t, 5_000_000_000, files[1].First) // rounded down to milliseconds
}

func TestLossesAndManifestComeBack(t *testing.T) {
	bucket, _ := testBucket(t)
	losses := []Loss{{Namespace: "shop", Workload: "front", Pod: "p", PodUID: "u", Count: 3, From: 1, To: 1 << 62, Reason: "recorder full"}}
	require.NoError(t, WriteLosses(t.Context(), bucket, "l.json", losses))
	got, err := ReadLosses(t.Context(), bucket, "l.json")
	require.NoError(t, err)
	require.Equal(t, losses, got)

	manifest := &trafficpb.Manifest{
		Snapshot:      &trafficpb.ObjectRef{Namespace: "shop", Name: "monday", Uid: "u1"},
		SchemaVersion: SchemaVersion, FirstRequest: 1 << 60, Inbound: 7, Files: []string{SnapshotFile(0)},
	}
	require.NoError(t, WriteManifest(t.Context(), bucket, manifest))
	read, err := ReadManifest(t.Context(), bucket, manifest.GetSnapshot())
	require.NoError(t, err)
	require.True(t, proto.Equal(manifest, read))
	require.NoError(t, DeletePrefix(t.Context(), bucket, SnapshotPrefix("shop", "u1")))
	_, err = ReadManifest(t.Context(), bucket, manifest.GetSnapshot())
	require.True(t, IsNotFound(err), "%v", err)
}

// BenchmarkWrite compares a Parquet file with the plain 256 KiB zstd blocks of the log, over the same records.
// Divide the MB/s (of protobuf) and the ratios of the two.
func BenchmarkWrite(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var records []*trafficpb.Record
	var raw int
	for i := range 20_000 {
		records = append(records, order(random, i))
		raw += proto.Size(records[i])
	}
	b.Run("Parquet", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(raw))
		var size counter
		for b.Loop() {
			size = 0
			writer := NewWriter(&size)
			for _, record := range records {
				require.NoError(b, writer.Write(record))
			}
			require.NoError(b, writer.Close())
		}
		b.ReportMetric(float64(raw)/float64(size), "ratio")
	})
	b.Run("ZstdBlocks", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(raw))
		encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		require.NoError(b, err)
		var size counter
		var block, compressed []byte
		for b.Loop() {
			size = 0
			for _, record := range records {
				block, _ = proto.MarshalOptions{}.MarshalAppend(block, record)
				if len(block) >= 256<<10 {
					compressed = encoder.EncodeAll(block, compressed[:0])
					_, _ = size.Write(compressed)
					block = block[:0]
				}
			}
		}
		b.ReportMetric(float64(raw)/float64(size), "ratio")
	})
}

func BenchmarkRead(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var records []*trafficpb.Record
	var raw int
	for i := range 20_000 {
		records = append(records, order(random, i))
		raw += proto.Size(records[i])
	}
	bucket, _ := testBucket(b)
	writeFile(b, bucket, "x.parquet", records)
	b.ReportAllocs()
	b.SetBytes(int64(raw))
	for b.Loop() {
		reader, err := Open(context.Background(), bucket, "x.parquet")
		require.NoError(b, err)
		for {
			if _, err := reader.Next(); err != nil {
				require.ErrorIs(b, err, io.EOF)
				break
			}
		}
		require.NoError(b, reader.Close())
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
