// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/restage-dev/restage/pkg/traffic/store"
)

// State is where the log stands.
type State struct {
	Current Segment   // its size grows
	Raw     int64     // bytes of entries in the current segment before compression, without its checkpoint
	Began   time.Time // of the current segment
	Closed  []Segment // oldest first
}

// Size is what the log takes on disk, in bytes.
func (s *State) Size() int64 {
	size := s.Current.Size
	for _, segment := range s.Closed {
		size += segment.Size
	}
	return size
}

// State returns where the log stands.
func (l *Log) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return State{Current: l.current, Raw: l.raw, Began: l.began, Closed: slices.Clone(l.closed)}
}

// Failed returns why the log is unusable, nil when it is not.
func (l *Log) Failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// Read hands over the entries of a closed segment, each good only during the call. When the segment is damaged the error
// wraps ErrCorrupt and comes after the entries before the damage.
func Read(segment Segment, each func(entry []byte) error) error {
	file, err := os.Open(segment.Path)
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	defer file.Close()
	_, err = readSegment(file, each)
	if errors.Is(err, errBroken) {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, segment.Path, err)
	}
	return err
}

// Release deletes a closed segment.
func (l *Log) Release(segment Segment) error {
	return l.remove(segment, os.Remove)
}

// SetAside takes a damaged segment out of the log and keeps its file under another name, for a person to look at.
func (l *Log) SetAside(segment Segment) error {
	return l.remove(segment, func(path string) error { return os.Rename(path, path+corruptSuffix) })
}

func (l *Log) remove(segment Segment, remove func(path string) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	index := slices.IndexFunc(l.closed, func(s Segment) bool { return s.ID == segment.ID })
	if index < 0 {
		return fmt.Errorf("segment %s of the log is not closed", segment.ID)
	}
	if err := errors.Join(remove(segment.Path), store.SyncDir(l.dir)); err != nil {
		return fmt.Errorf("releasing a segment of the log: %w", err)
	}
	l.closed = slices.Delete(l.closed, index, index+1)
	return nil
}

// Close closes the log. It has nothing to write: all that was appended is synced.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = errors.New("the log is closed")
	if l.file == nil {
		return l.lock.Close()
	}
	return errors.Join(l.file.Close(), l.lock.Close())
}
