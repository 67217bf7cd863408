// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	// maxUploadBytes bounds an upload, maxStagedBytes all of them that wait to become snapshots.
	maxUploadBytes = 256 << 20
	maxStagedBytes = 2 << 30

	contentName = "content"
	stateName   = "upload.json"
)

// staging is a directory in which uploads gather until they are complete and a snapshot is made of them.
type staging struct {
	dir  string
	mu   sync.Mutex
	busy map[string]bool // directories of uploads in use
}

func newStaging(dir string) *staging {
	return &staging{dir: dir, busy: make(map[string]bool)}
}

// upload is one in use by one call. Its state is kept beside its content, of which the size is what has come.
type upload struct {
	staging *staging
	dir     string
	state   uploadState
}

type uploadState struct {
	Name     string `json:"name"` // of the snapshot: rights may be bound to it
	Length   uint64 `json:"length,omitempty"`
	Complete bool   `json:"complete,omitempty"`
	Workload string `json:"workload"`
	Port     uint32 `json:"port,omitempty"`
}

// take returns the upload of a snapshot for the use of one call, which releases it. One that another call uses is an Aborted
// status.
func (s *staging) take(ref *trafficpb.ObjectRef) (*upload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.look(ref)
	if err != nil {
		return nil, err
	}
	if s.busy[u.dir] {
		return nil, status.Error(codes.Aborted, "another request is at work on the upload; try again")
	}
	s.busy[u.dir] = true
	return u, nil
}

// look returns the upload of a snapshot as it is, which another call may be changing.
func (s *staging) look(ref *trafficpb.ObjectRef) (*upload, error) {
	u := &upload{
		staging: s, dir: filepath.Join(s.dir, ref.GetNamespace(), ref.GetUid()), state: uploadState{Name: ref.GetName()},
	}
	data, err := os.ReadFile(filepath.Join(u.dir, stateName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(data, &u.state); err != nil {
			return nil, fmt.Errorf("reading the state of an upload: %w", err)
		}
	}
	if u.state.Name != ref.GetName() {
		return nil, status.Errorf(codes.NotFound, "there is no upload for a snapshot %q with that uid", ref.GetName())
	}
	return u, nil
}

func (u *upload) release() {
	u.staging.mu.Lock()
	defer u.staging.mu.Unlock()
	delete(u.staging.busy, u.dir)
}

func (u *upload) content() string { return filepath.Join(u.dir, contentName) }

// size returns how many bytes have come; exists is false when nothing was ever begun.
func (u *upload) size() (size uint64, exists bool, err error) {
	info, err := os.Stat(u.content())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return uint64(info.Size()), true, nil
}

// save writes the state, all of it or nothing.
func (u *upload) save() error {
	data, err := json.Marshal(u.state)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(u.dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(u.dir, stateName)
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (u *upload) remove() error { return os.RemoveAll(u.dir) }

func (u *upload) describe() (*trafficpb.UploadState, error) {
	size, exists, err := u.size()
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, status.Error(codes.NotFound, "nothing was uploaded yet")
	}
	return &trafficpb.UploadState{Offset: size, Length: u.state.Length, Complete: u.state.Complete, MaxLength: maxUploadBytes}, nil
}

// staged returns how many bytes all uploads have.
func (s *staging) staged() (total int64, err error) {
	err = s.each(func(_ string, info fs.FileInfo) error {
		total += info.Size()
		return nil
	})
	return total, err
}

// prune removes the uploads that were begun and not touched since, unless they are complete.
func (s *staging) prune(before time.Time) error {
	return s.each(func(dir string, info fs.FileInfo) error {
		if !info.ModTime().Before(before) {
			return nil
		}
		var state uploadState
		if data, err := os.ReadFile(filepath.Join(dir, stateName)); err == nil && json.Unmarshal(data, &state) == nil && state.Complete {
			return nil
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.busy[dir] {
			return nil
		}
		return os.RemoveAll(dir)
	})
}

// each calls f for the contents of all uploads.
func (s *staging) each(f func(dir string, content fs.FileInfo) error) error {
	contents, err := filepath.Glob(filepath.Join(s.dir, "*", "*", contentName))
	if err != nil {
		return err
	}
	for _, content := range contents {
		info, err := os.Stat(content)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is gone meanwhile
		}
		if err != nil {
			return err
		}
		if err := f(filepath.Dir(content), info); err != nil {
			return err
		}
	}
	return nil
}
