// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replays

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protodelim"
	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// maxLogBytes bounds the log of a replay, maxLineBytes a line of it.
	maxLogBytes  = 4 << 20
	maxLineBytes = 8 << 10

	goneLifetime = time.Hour
)

// Sources of lines that are not of the log: the first one has the name of the replay, as rights may be bound to it, the last
// one says that nothing will follow.
const (
	sourceOwner = "\x00owner"
	sourceEnd   = "\x00end"
	sourceSelf  = "forwarder"
)

// logs are the logs of replays, each a file of delimited LogLines. They are appended to, so that blob storage is no
// place for them.
type logs struct {
	dir   string
	mu    sync.Mutex
	known map[owner]*runLog
	// gone are those that were removed a short time ago: a generator that is still ending must not bring one, nor a report, back.
	gone *cache.LRUExpireCache
}

func newLogs(dir string) *logs {
	return &logs{dir: dir, known: make(map[owner]*runLog), gone: cache.NewLRUExpireCache(maxProgress)}
}

func (s *logs) path(o owner) string { return filepath.Join(s.dir, o.Namespace, o.UID+".log") }

// open returns the log of a replay, an empty one when there is none. A log of the same uid and another name is
// another's: a NotFound status.
func (s *logs) open(o owner) (*runLog, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.known[o]; ok {
		return l, nil
	}
	if l, ok := s.gone.Get(o); ok {
		return l.(*runLog), nil
	}
	l := &runLog{path: s.path(o), owner: o.Name, changed: make(chan struct{})}
	if err := l.load(); err != nil {
		return nil, err
	}
	s.known[o] = l
	return l, nil
}

// isGone tells whether the log of a replay was removed a short time ago, and with it all that is kept of the replay.
func (s *logs) isGone(o owner) bool {
	_, gone := s.gone.Get(o)
	return gone
}

// remove deletes the log of a replay; those who follow it are done.
func (s *logs) remove(o owner) error {
	l, err := s.open(o)
	if status.Code(err) == codes.NotFound {
		return nil // it is another one's
	}
	if err != nil {
		return err
	}
	if err := l.remove(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, o)
	s.gone.Add(o, l, goneLifetime)
	return nil
}

// runLog is the log of one replay.
type runLog struct {
	path, owner string

	mu      sync.Mutex
	size    int64
	dropped int // lines that had no room
	ended   bool
	removed bool          // what is appended is dropped
	changed chan struct{} // closed, and replaced, when there is more or the end
}

// logState is a log at some time.
type logState struct {
	size    int64
	ended   bool
	changed <-chan struct{}
}

func (l *runLog) state() logState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return logState{size: l.size, ended: l.ended, changed: l.changed}
}

// load takes over what an earlier process wrote. What it did not write to the end is cut off.
func (l *runLog) load() error {
	data, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for reader := bytes.NewReader(data); ; {
		var line trafficpb.LogLine
		if err := protodelim.UnmarshalFrom(reader, &line); err != nil {
			break
		}
		if line.GetSource() == sourceOwner && line.GetText() != l.owner {
			return status.Errorf(codes.NotFound, "there is no log of a replay %q with that uid", l.owner)
		}
		l.ended = l.ended || line.GetSource() == sourceEnd
		l.size = int64(len(data) - reader.Len())
	}
	if l.size < int64(len(data)) {
		return os.Truncate(l.path, l.size)
	}
	return nil
}

// append adds lines while there is room, and counts those for which there is none.
func (l *runLog) append(lines []*trafficpb.LogLine, last bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.removed {
		return nil
	}
	var out bytes.Buffer
	if l.size == 0 {
		lines = append([]*trafficpb.LogLine{{Source: sourceOwner, Text: l.owner}}, lines...)
	}
	dropped := l.dropped
	for _, line := range lines {
		if l.size+int64(out.Len()) >= maxLogBytes {
			dropped++
			continue
		}
		if _, err := protodelim.MarshalTo(&out, &trafficpb.LogLine{Time: line.GetTime(), Source: line.GetSource(), Text: oneLine(line.GetText())}); err != nil {
			return err
		}
	}
	if last && !l.ended {
		if err := appendEnd(&out, dropped); err != nil {
			return err
		}
	}
	if err := l.write(out.Bytes()); err != nil {
		return err
	}
	l.dropped, l.ended = dropped, l.ended || last
	l.size += int64(out.Len())
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

func appendEnd(out *bytes.Buffer, dropped int) error {
	if dropped > 0 {
		line := &trafficpb.LogLine{Time: time.Now().UnixNano(), Source: sourceSelf, Text: fmt.Sprintf("%d lines are left out: a log has at most %d MiB", dropped, maxLogBytes>>20)}
		if _, err := protodelim.MarshalTo(out, line); err != nil {
			return err
		}
	}
	_, err := protodelim.MarshalTo(out, &trafficpb.LogLine{Source: sourceEnd})
	return err
}

// write appends to the file. What of it is written when an error comes is written over the next time.
func (l *runLog) write(data []byte) error {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(data, l.size)
	return errors.Join(err, file.Sync(), file.Close())
}

// read returns the lines between two places of the file.
func (l *runLog) read(from, to int64) (lines []*trafficpb.LogLine, err error) {
	if from >= to {
		return nil, nil
	}
	file, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it was deleted meanwhile
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for reader := bufio.NewReader(io.NewSectionReader(file, from, to-from)); ; {
		line := &trafficpb.LogLine{}
		err := protodelim.UnmarshalFrom(reader, line)
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", l.path, err)
		}
		if line.GetSource() != sourceOwner && line.GetSource() != sourceEnd {
			lines = append(lines, line)
		}
	}
}

func (l *runLog) remove() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.removed, l.size = true, 0
	if !l.ended {
		l.ended = true
		close(l.changed)
		l.changed = make(chan struct{})
	}
	if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// oneLine cuts a text and puts it on one line.
func oneLine(text string) string {
	text = strings.TrimRight(text, "\r\n")
	if len(text) > maxLineBytes {
		text = strings.ToValidUTF8(text[:maxLineBytes], "") + "…"
	}
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
}
