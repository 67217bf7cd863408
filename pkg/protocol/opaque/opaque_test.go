// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package opaque

import (
	"bytes"
	"crypto/sha256"
	"reflect"
	"testing"
	"time"
)

func TestHalfKeepsWithinItsLimits(t *testing.T) {
	for _, c := range []struct {
		name              string
		size, pieces      int
		limits            Limits
		kept, marks, left int
	}{
		{"nothing", 0, 0, Limits{Body: 10}, 0, 0, 0},
		{"all", 10, 2, Limits{Body: 10}, 10, 2, 0},
		{"the start", 11, 1, Limits{Body: 10}, 10, 1, 1},
		{"no bytes", 5, 1, Limits{}, 0, 0, 5},
		{"no memory", 5000, 10, Limits{Body: 1 << 20, Reserve: func(n int64) bool { return n < 600 }}, 1000, 2, 4000},
		{"too many pieces", mostMarks + 5, mostMarks + 5, Limits{Body: 1 << 20}, mostMarks, mostMarks, 5},
	} {
		data := bytes.Repeat([]byte("abc"), c.size)[:c.size]
		h := Half{Limits: c.limits}
		for i := range c.pieces {
			h.Add(data[i*c.size/c.pieces:(i+1)*c.size/c.pieces], int64(i+1))
		}
		sum := sha256.Sum256(data)
		if !bytes.Equal(h.Kept, data[:c.kept]) || h.Length != int64(c.size) || h.Truncated != (c.left > 0) || len(h.marks) < c.marks ||
			(c.size > 0) != bytes.Equal(h.SHA256(), sum[:]) || h.Last != int64(c.pieces) {
			t.Errorf("%s: %d of %d kept with %d marks, truncated %v, last %d", c.name, len(h.Kept), h.Length, len(h.marks), h.Truncated, h.Last)
		}
	}
}

// heard makes a half of what came at times, in milliseconds.
func heard(parts ...any) *Half {
	h := &Half{Limits: Limits{Body: 1 << 20}}
	for i := 0; i < len(parts); i += 2 {
		h.Add([]byte(parts[i+1].(string)), int64(parts[i].(int))*int64(time.Millisecond))
	}
	return h
}

func pieces(of ...int) []Piece {
	var all []Piece
	for i := 0; i < len(of); i += 3 {
		all = append(all, Piece{End: int64(of[i]), At: int64(of[i+1]) * int64(time.Millisecond), Turn: uint32(of[i+2])})
	}
	return all
}

func TestTurns(t *testing.T) {
	for _, c := range []struct {
		name               string
		client, server     *Half
		ofClient, ofServer []Piece
	}{
		{"nothing", heard(), heard(), nil, nil},
		{"a question and its answer", heard(10, "ping"), heard(20, "pong"), pieces(4, 10, 0), pieces(4, 20, 1)},
		{"a greeting", heard(20, "login"), heard(10, "hello"), pieces(5, 20, 1), pieces(5, 10, 0)},
		{"what comes together is one piece", heard(10, "a", 11, "b", 12, "c", 20, "d"), heard(), pieces(3, 12, 0, 4, 20, 0), nil},
		{"not beyond the other's word", heard(10, "a", 12, "b"), heard(11, "x"), pieces(1, 10, 0, 2, 12, 2), pieces(1, 11, 1)},
		{"at one time", heard(10, "a"), heard(10, "x"), pieces(1, 10, 0), pieces(1, 10, 1)},
	} {
		ofClient, ofServer := Turns(c.client, c.server)
		if !reflect.DeepEqual(ofClient, c.ofClient) || !reflect.DeepEqual(ofServer, c.ofServer) {
			t.Errorf("%s: %v and %v, want %v and %v", c.name, ofClient, ofServer, c.ofClient, c.ofServer)
		}
	}
}

func TestScript(t *testing.T) {
	client, server := heard(20, "login", 50, "quit"), heard(10, "hello", 30, "wel", 35, "come", 55, "bye")
	ofClient, ofServer := Turns(client, server)
	s := NewScript(Bytes{client.Kept, ofClient}, Bytes{server.Kept, ofServer})
	want := []Step{
		{0, []byte("hello"), 0}, {5, []byte("wel"), 10 * time.Millisecond}, {5, []byte("come"), 5 * time.Millisecond}, {9, []byte("bye"), 5 * time.Millisecond},
	}
	if string(s.Client) != "loginquit" || !reflect.DeepEqual(s.Steps, want) {
		t.Errorf("script %+v", s)
	}
	for offset, place := range map[int][2]int{0: {1, 0}, 4: {1, 4}, 5: {2, 0}, 8: {2, 3}, 9: {3, 0}} {
		if turn, in := s.Place(offset); turn != place[0] || in != place[1] {
			t.Errorf("offset %d is in turn %d at %d, want %v", offset, turn, in, place)
		}
	}
}

// FuzzScript checks that a script says all that was recorded whatever the pieces are, and nothing twice.
func FuzzScript(f *testing.F) {
	f.Add([]byte("ab"), []byte("xyz"), int64(1), int64(2), uint32(0), uint32(1))
	f.Fuzz(func(t *testing.T, client, server []byte, a, b int64, one, two uint32) {
		s := NewScript(Bytes{client, []Piece{{a, b, one}, {b, a, two}}}, Bytes{server, []Piece{{b, b, two}, {a, a, one}, {a + b, 1, one}}})
		var said []byte
		after := 0
		for _, step := range s.Steps {
			if step.After < after || step.After > len(client) || step.Delay < 0 {
				t.Fatalf("step %+v after %d bytes", step, after)
			}
			after = step.After
			said = append(said, step.Bytes...)
		}
		if !bytes.Equal(said, server) {
			t.Fatalf("said %q of %q", said, server)
		}
	})
}
