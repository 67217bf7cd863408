// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package har

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxEntryBytes bounds an entry of an archive that is read.
const MaxEntryBytes = 16 << 20

// Scan goes through an archive and hands over each of its entries as it stands and where it begins, in bytes from the
// start. It holds one entry in memory. It ends with the first error, the callback's or that of the archive.
func Scan(in io.Reader, each func(raw []byte, offset int64) error) error {
	gate := &gate{in: in}
	s := &scanner{decoder: json.NewDecoder(gate), gate: gate, each: each}
	if err := s.object("", func(key string) error {
		if key != "log" {
			return s.skip()
		}
		return s.object("log", s.log)
	}); err != nil {
		return err
	}
	if !s.found {
		return errors.New("log.entries: is missing; is this a HAR?")
	}
	gate.open()
	if _, err := s.decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the archive")
	}
	return nil
}

type scanner struct {
	decoder *json.Decoder
	gate    *gate
	each    func([]byte, int64) error
	found   bool // the entries
}

func (s *scanner) log(key string) error {
	if key != "entries" {
		return s.skip()
	}
	if s.found {
		return errors.New("log.entries: is there twice")
	}
	s.found = true
	if err := s.expect("log.entries", '['); err != nil {
		return err
	}
	for s.decoder.More() {
		s.gate.open()
		var raw json.RawMessage
		if err := s.decoder.Decode(&raw); err != nil {
			return err
		}
		if err := s.each(raw, s.decoder.InputOffset()-int64(len(raw))); err != nil {
			return err
		}
	}
	return s.expect("log.entries", ']')
}

// object goes through the members of an object.
func (s *scanner) object(name string, member func(key string) error) error {
	if err := s.expect(name, '{'); err != nil {
		return err
	}
	for s.decoder.More() {
		s.gate.open()
		key, err := s.decoder.Token()
		if err != nil {
			return err
		}
		if err := member(key.(string)); err != nil {
			return err
		}
	}
	return s.expect(name, '}')
}

func (s *scanner) expect(name string, want json.Delim) error {
	s.gate.open()
	token, err := s.decoder.Token()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("%s: %v is found where %v is expected; is this a HAR?", name, token, want)
	}
	return nil
}

// skip goes past a value without holding it.
func (s *scanner) skip() error {
	for depth := 0; ; {
		s.gate.open()
		token, err := s.decoder.Token()
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// gate bounds what a decoder reads for one value.
type gate struct {
	in   io.Reader
	left int
}

func (g *gate) open() { g.left = MaxEntryBytes }

func (g *gate) Read(p []byte) (int, error) {
	if g.left <= 0 {
		return 0, fmt.Errorf("an entry has more than %d bytes", MaxEntryBytes)
	}
	n, err := g.in.Read(p[:min(len(p), g.left)])
	g.left -= n
	return n, err
}
