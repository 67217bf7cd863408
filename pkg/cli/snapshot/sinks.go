// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// lineSink writes pages of NDJSON as they are.
type lineSink struct{ out io.Writer }

func (s *lineSink) page(data []byte) (int64, error) {
	_, err := s.out.Write(data)
	return int64(bytes.Count(data, []byte{'\n'})), err
}

func (s *lineSink) close() error { return nil }

// harSink makes one archive of many.
type harSink struct {
	out     io.Writer
	begun   bool
	entries bool
}

// archive is what is told apart of a HAR.
type archive struct {
	Log struct {
		Version json.RawMessage   `json:"version"`
		Creator json.RawMessage   `json:"creator"`
		Entries []json.RawMessage `json:"entries"`
	} `json:"log"`
}

func (s *harSink) page(data []byte) (int64, error) {
	var part archive
	if err := json.Unmarshal(data, &part); err != nil {
		return 0, fmt.Errorf("reading a page of HAR: %w", err)
	}
	if !s.begun {
		s.begun = true
		if _, err := fmt.Fprintf(s.out, `{"log":{"version":%s,"creator":%s,"entries":[`, part.Log.Version, part.Log.Creator); err != nil {
			return 0, err
		}
	}
	for _, entry := range part.Log.Entries {
		separator := "\n"
		if s.entries {
			separator = ",\n"
		}
		s.entries = true
		if _, err := fmt.Fprintf(s.out, "%s%s", separator, entry); err != nil {
			return 0, err
		}
	}
	return int64(len(part.Log.Entries)), nil
}

func (s *harSink) close() error {
	_, err := io.WriteString(s.out, "\n]}}\n")
	return err
}
