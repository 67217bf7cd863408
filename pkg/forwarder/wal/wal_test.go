// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// open opens a log and returns its entries.
func open(t testing.TB, dir string) (*Log, []string) {
	var entries []string
	log, err := Open(context.Background(), dir, func(entry []byte) error {
		entries = append(entries, string(entry))
		return nil
	})
	require.NoError(t, err)
	return log, entries
}

func started(t testing.TB, dir string) *Log {
	log, _ := open(t, dir)
	require.NoError(t, log.Rotate(nil))
	return log
}

func entries(texts ...string) [][]byte {
	var out [][]byte
	for _, text := range texts {
		out = append(out, []byte(text))
	}
	return out
}

func TestEntriesSurvive(t *testing.T) {
	dir := t.TempDir()
	log := started(t, dir)
	large := string(bytes.Repeat([]byte("x"), MaxEntryBytes))
	require.NoError(t, log.Append(entries("a", "", large)))
	require.NoError(t, log.Append(entries("b")))
	require.NoError(t, log.Close())

	log, got := open(t, dir)
	require.Equal(t, []string{"a", "", large, "b"}, got)
	require.NoError(t, log.Rotate(entries("checkpoint")))
	require.NoError(t, log.Append(entries("c")))
	require.NoError(t, log.Release(log.State().Closed[0]))
	require.NoError(t, log.Close())

	_, got = open(t, dir)
	require.Equal(t, []string{"checkpoint", "c"}, got)
}

func TestSegmentsKeepTheirOrder(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i := range 12 { // more than ten, so that an order by text would show
		log, got := open(t, dir)
		require.Equal(t, want, got)
		text := fmt.Sprint(i)
		require.NoError(t, log.Rotate(nil))
		require.NoError(t, log.Append(entries(text)))
		want = append(want, text)
		require.NoError(t, log.Close())
	}
}

func TestTornBlockIsCutOff(t *testing.T) {
	for _, cut := range []int64{1, headerBytes - 1, headerBytes, headerBytes + 3} {
		dir := t.TempDir()
		log := started(t, dir)
		require.NoError(t, log.Append(entries("whole")))
		size := log.State().Current.Size
		require.NoError(t, log.Append(entries("torn")))
		path := log.State().Current.Path
		require.NoError(t, log.Close())
		require.NoError(t, os.Truncate(path, size+cut))

		log, got := open(t, dir)
		require.Equal(t, []string{"whole"}, got)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, size, info.Size())
		require.NoError(t, Read(log.State().Closed[0], func([]byte) error { return nil }))
		require.NoError(t, log.Close())
	}
}

func TestTailOfZerosIsCutOff(t *testing.T) { // a file that grew, but whose data did not reach the disk
	dir := t.TempDir()
	log := started(t, dir)
	require.NoError(t, log.Append(entries("whole")))
	state := log.State()
	require.NoError(t, log.Close())
	require.NoError(t, os.Truncate(state.Current.Path, state.Current.Size+4096))
	log, got := open(t, dir)
	require.Equal(t, []string{"whole"}, got)
	require.Equal(t, state.Current.Size, log.State().Closed[0].Size)
}

func TestEmptySegmentFileIsMadeWhole(t *testing.T) {
	dir := t.TempDir()
	log := started(t, dir)
	path := log.State().Current.Path
	require.NoError(t, log.Close())
	require.NoError(t, os.Truncate(path, 3))
	log, got := open(t, dir)
	require.Empty(t, got)
	require.NoError(t, Read(log.State().Closed[0], func([]byte) error { return nil }))
}

func TestDamagedSegmentIsSetAside(t *testing.T) {
	dir := t.TempDir()
	log := started(t, dir)
	require.NoError(t, log.Append(entries("before")))
	good := log.State().Current.Size
	require.NoError(t, log.Append(entries("damaged")))
	path := log.State().Current.Path
	require.NoError(t, log.Rotate(nil))
	require.NoError(t, log.Append(entries("after")))
	require.NoError(t, log.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[good+headerBytes] ^= 1
	require.NoError(t, os.WriteFile(path, data, 0o600))

	log, got := open(t, dir)
	require.Equal(t, []string{"before", "after"}, got)
	damaged := log.State().Closed[0]
	got = nil
	err = Read(damaged, func(entry []byte) error { got = append(got, string(entry)); return nil })
	require.ErrorIs(t, err, ErrCorrupt)
	require.Equal(t, []string{"before"}, got)
	require.NoError(t, log.SetAside(damaged))
	require.FileExists(t, path+corruptSuffix)
	require.Len(t, log.State().Closed, 1)
}

func TestRefusedAppendLeavesTheLogAsItWas(t *testing.T) {
	dir := t.TempDir()
	log := started(t, dir)
	small := string(bytes.Repeat([]byte("s"), blockBytes-100)) // fills a block, so that it is written before the refusal
	require.ErrorContains(t, log.Append([][]byte{[]byte(small), []byte(small), make([]byte, MaxEntryBytes+1)}), "more than")
	require.NoError(t, log.Append(entries("next")))
	require.NoError(t, log.Close())
	_, got := open(t, dir)
	require.Equal(t, []string{"next"}, got)
}

func TestLogFailsForGoodWhenItCannotUndo(t *testing.T) {
	log := started(t, t.TempDir())
	require.NoError(t, log.file.Close())
	require.Error(t, log.Append(entries("a")))
	require.Error(t, log.Failed())
	require.ErrorContains(t, log.Rotate(nil), "opened anew")
}

func TestSecondProcessIsKeptOut(t *testing.T) {
	dir := t.TempDir()
	log := started(t, dir)
	impatient, cancel := context.WithTimeout(t.Context(), 2*lockInterval)
	defer cancel()
	_, err := Open(impatient, dir, func([]byte) error { return nil })
	require.ErrorContains(t, err, "another process")

	opened := make(chan error)
	go func() {
		second, err := Open(t.Context(), dir, func([]byte) error { return nil })
		if err == nil {
			err = second.Close()
		}
		opened <- err
	}()
	require.NoError(t, log.Close())
	require.NoError(t, <-opened, "the second waits for the first to end")
}

// FuzzReadSegment checks that no bytes make reading panic, and that what is reported as whole reads whole again.
func FuzzReadSegment(f *testing.F) {
	e, err := newEncoder()
	require.NoError(f, err)
	block := append([]byte(magic), e.encode([]byte("\x05hello\x00"))...)
	f.Add(block)
	f.Add(append(block, block[len(magic):]...))
	f.Add(block[:len(block)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		count := 0
		whole, err := readSegment(bytes.NewReader(data), func([]byte) error { count++; return nil })
		if whole > int64(len(data)) {
			t.Fatalf("%d bytes of %d are whole", whole, len(data))
		}
		if err == nil && whole != int64(len(data)) {
			t.Fatalf("no error, but only %d bytes of %d are whole", whole, len(data))
		}
		if whole == 0 {
			return
		}
		again, err := readSegment(bytes.NewReader(data[:whole]), func([]byte) error { count--; return nil })
		if err != nil || again != whole || count < 0 {
			t.Fatalf("whole part of %d bytes: read %d, %v", whole, again, err)
		}
	})
}

// BenchmarkAppend appends batches of 512 KiB of orders, each synced.
func BenchmarkAppend(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var batch [][]byte
	size := 0
	for number := 0; size < 512<<10; number++ {
		entry := fmt.Appendf(nil, `POST /orders/%d HTTP/1.1 {"order":%d,"customer":"%016x","items":[{"sku":"sku-%d","quantity":%d,"price":%d.99}],"token":"%016x%016x"}`,
			number, number, random.Uint64(), random.IntN(1000), random.IntN(9), random.IntN(500), random.Uint64(), random.Uint64())
		size += len(entry)
		batch = append(batch, entry)
	}
	log := started(b, b.TempDir())
	b.ReportAllocs()
	b.SetBytes(int64(size))
	for b.Loop() {
		require.NoError(b, log.Append(batch))
	}
	state := log.State()
	b.ReportMetric(float64(state.Raw)/float64(state.Current.Size), "ratio")
}
