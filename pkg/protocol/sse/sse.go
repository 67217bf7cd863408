// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package sse finds the events of a stream of server-sent events, as the HTML standard defines it.
package sse

import (
	"bytes"
	"strings"
)

// IsStream tells whether a body of that Content-Type is a stream of events.
func IsStream(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/event-stream")
}

// Splitter finds where the events of a stream end, each after its empty line. The zero value is at the start of a stream.
type Splitter struct {
	offset  int64
	inEvent bool // something other than empty lines came since the last end
	inLine  bool // the line has something
	cr      bool // the last byte was a carriage return, whose line feed may follow
}

// Feed takes the next bytes of the stream and calls end with the offset behind each event that ends in them. The line feed of a
// carriage return that is in the next bytes is left to the event after it.
func (s *Splitter) Feed(part []byte, end func(offset int64)) {
	for i, b := range part {
		s.offset++
		switch {
		case b == '\n' && s.cr:
			s.cr = false // the same end of a line
		case b == '\n' || b == '\r':
			s.cr = b == '\r'
			if !s.inLine && s.inEvent {
				s.inEvent = false
				offset := s.offset
				if s.cr && i+1 < len(part) && part[i+1] == '\n' {
					offset++
				}
				end(offset)
			}
			s.inLine = false
		default:
			s.cr, s.inLine, s.inEvent = false, true, true
		}
	}
}

// Between tells whether the stream is not within an event.
func (s *Splitter) Between() bool { return !s.inEvent }

// Events splits a stream into its events, each with its empty line; what follows the last end is the last.
func Events(body []byte) [][]byte {
	var events [][]byte
	var s Splitter
	from := int64(0)
	s.Feed(body, func(offset int64) {
		events = append(events, body[from:offset])
		from = offset
	})
	if rest := body[from:]; len(bytes.TrimLeft(rest, "\r\n")) > 0 {
		events = append(events, rest)
	}
	return events
}

// Event is what a stream says at once.
type Event struct {
	Type string // "" is message
	ID   string
	Data string // lines joined by line feeds
}

// Parse reads the fields of an event. Comments and the time to reconnect say nothing.
func Parse(event []byte) Event {
	var e Event
	var data []string
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(event))
	for line := range strings.SplitSeq(text, "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			e.Type = value
		case "id":
			e.ID = value
		case "data":
			data = append(data, value)
		}
	}
	e.Data = strings.Join(data, "\n")
	return e
}
