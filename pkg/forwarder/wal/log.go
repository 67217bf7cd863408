// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package wal is a write-ahead log: entries that are synced to disk before Append returns, in segments that are released
// when what is in them is kept elsewhere.
package wal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/traffic/store"
)

const (
	suffix        = ".wal"
	corruptSuffix = ".corrupt"

	// lockPatience is how long a process that is about to end is given to let go of the directory: one whose pod was deleted and its
	// successor may be at work at once.
	lockPatience = 30 * time.Second
	lockInterval = 100 * time.Millisecond
)

// ErrCorrupt says that a closed segment is damaged in the middle.
var ErrCorrupt = errors.New("segment is corrupt")

// Segment is a file of the log that is not written any more.
type Segment struct {
	Path string
	ID   string // ULID
	Size int64  // bytes on disk

	number uint64 // segments are numbered in the order in which they were begun
}

// Log is a write-ahead log. One goroutine appends and rotates; others may read, release and ask.
type Log struct {
	dir     string
	lock    *os.File
	encoder *encoder
	content []byte // of the block being filled

	mu      sync.Mutex
	file    *os.File // the current segment; nil before the first Rotate
	current Segment
	raw     int64     // bytes of entries appended to the current segment, without its checkpoint
	began   time.Time // of the current segment
	closed  []Segment // oldest first
	failed  error     // what makes the log unusable until it is opened anew
}

// Open opens the log in a directory, making that when it is not there, and hands over all entries in the order in which
// they were appended. A last block that was not written to its end is cut off. Rotate must be called before Append.
func Open(ctx context.Context, dir string, each func(entry []byte) error) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	e, err := newEncoder()
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	lock, err := lockDir(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	l := &Log{dir: dir, lock: lock, encoder: e}
	if err := l.recoverAll(ctx, each); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the log: %w", err), lock.Close())
	}
	return l, nil
}

// lockDir keeps a second process from the directory until the file is closed, by whatever end of this process. It waits a while for a
// first one that holds it.
func lockDir(ctx context.Context, dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	var held error
	err = wait.PollUntilContextTimeout(ctx, lockInterval, lockPatience, true, func(context.Context) (bool, error) {
		held = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		return held == nil, nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("another process uses %s: %w", dir, held), lock.Close())
	}
	return lock, nil
}

func (l *Log) recoverAll(ctx context.Context, each func(entry []byte) error) error {
	if err := l.findSegments(); err != nil {
		return err
	}
	for i := range l.closed {
		if err := l.recover(ctx, &l.closed[i], i == len(l.closed)-1, each); err != nil {
			return fmt.Errorf("recovering %s: %w", l.closed[i].Path, err)
		}
	}
	return nil
}

func (l *Log) findSegments() error {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name, isSegment := strings.CutSuffix(entry.Name(), suffix)
		if !isSegment {
			continue
		}
		segment := Segment{Path: filepath.Join(l.dir, entry.Name())}
		if _, err := fmt.Sscanf(name, "%d-%s", &segment.number, &segment.ID); err != nil {
			return fmt.Errorf("%s is not the name of a segment: %w", segment.Path, err)
		}
		l.closed = append(l.closed, segment)
	}
	slices.SortFunc(l.closed, func(a, b Segment) int { return int(a.number) - int(b.number) })
	return nil
}

// recover reads a segment. Only the last one may be torn: that is cut off. What is broken in another one is left for the
// one who reads it to be sealed.
func (l *Log) recover(ctx context.Context, segment *Segment, last bool, each func([]byte) error) error {
	file, err := os.OpenFile(segment.Path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	segment.Size = info.Size()
	whole, err := readSegment(file, each)
	if !errors.Is(err, errBroken) {
		return err
	}
	if !last {
		klog.FromContext(ctx).Error(err, "Segment of the log is damaged", "segment", segment.Path, "wholeBytes", whole, "bytes", segment.Size)
		return nil
	}
	klog.FromContext(ctx).Info("Cut off a torn block of the log", "segment", segment.Path, "reason", err.Error(),
		"keptBytes", whole, "cutBytes", segment.Size-whole)
	if whole == 0 { // not even the magic is whole
		if _, err := file.WriteAt([]byte(magic), 0); err != nil {
			return err
		}
		whole = int64(len(magic))
	}
	segment.Size = whole
	return errors.Join(file.Truncate(whole), file.Sync())
}

// Rotate begins a new segment with a checkpoint: entries that say what later ones need of all segments before, which may
// then be released. The segment so far is closed, also when it is empty.
func (l *Log) Rotate(checkpoint [][]byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return l.failed
	}
	next := Segment{number: 1, ID: ulid.Make().String(), Size: int64(len(magic))}
	if l.file != nil {
		next.number = l.current.number + 1
	} else if n := len(l.closed); n > 0 {
		next.number = l.closed[n-1].number + 1
	}
	next.Path = filepath.Join(l.dir, fmt.Sprintf("%016d-%s%s", next.number, next.ID, suffix))
	file, err := l.create(next.Path, checkpoint)
	if err != nil {
		return fmt.Errorf("beginning a segment of the log: %w", err)
	}
	if l.file != nil {
		l.closed = append(l.closed, l.current)
		_ = l.file.Close() // all of it is synced
	}
	l.file, l.current, l.raw, l.began = file, next, 0, time.Now()
	l.current.Size, err = file.Seek(0, io.SeekCurrent)
	return err
}

func (l *Log) create(path string, checkpoint [][]byte) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = file.WriteString(magic)
	if err == nil {
		_, _, err = l.write(file, checkpoint)
	}
	if err = errors.Join(err, file.Sync(), store.SyncDir(l.dir)); err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(path))
	}
	return file, nil
}

// Append appends entries and syncs them: when it returns without an error they are safe. After an error the log is as it
// was before; when that cannot be had, the log fails for good, see Failed.
func (l *Log) Append(entries [][]byte) error {
	l.mu.Lock()
	file, size, failed := l.file, l.current.Size, l.failed
	l.mu.Unlock()
	if failed != nil {
		return failed
	}
	if file == nil {
		return errors.New("appending to the log: no segment is begun")
	}
	written, raw, err := l.write(file, entries)
	if err != nil {
		err = fmt.Errorf("appending to the log: %w", err)
		_, seekErr := file.Seek(size, io.SeekStart)
		if undo := errors.Join(file.Truncate(size), seekErr); undo != nil {
			l.fail(errors.Join(err, undo))
		}
		return err
	}
	if err := file.Sync(); err != nil {
		// What the kernel made of the pages is not known now, and a second sync would not tell.
		return l.fail(fmt.Errorf("syncing the log: %w", err))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current.Size += written
	l.raw += raw
	return nil
}

func (l *Log) write(out io.Writer, entries [][]byte) (written, raw int64, err error) {
	l.content = l.content[:0]
	flush := func() error {
		if len(l.content) == 0 {
			return nil
		}
		n, err := out.Write(l.encoder.encode(l.content))
		written += int64(n)
		l.content = l.content[:0]
		return err
	}
	for _, entry := range entries {
		if len(entry) > MaxEntryBytes {
			return written, raw, fmt.Errorf("an entry has %d bytes, more than %d", len(entry), MaxEntryBytes)
		}
		if len(l.content)+binary.MaxVarintLen64+len(entry) > blockBytes {
			if err := flush(); err != nil {
				return written, raw, err
			}
		}
		l.content = binary.AppendUvarint(l.content, uint64(len(entry)))
		l.content = append(l.content, entry...)
		raw += int64(len(entry))
	}
	return written, raw, flush()
}

func (l *Log) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = fmt.Errorf("the log failed, it must be opened anew: %w", err)
	return l.failed
}
