// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package websocket

import (
	"reflect"
	"testing"
)

func TestScript(t *testing.T) {
	client := []Part{{Text, []byte("a"), 20}, {Ping, nil, 25}, {Text | Compressed, []byte("b"), 40}, {Close, nil, 60}}
	server := []Part{{Text, []byte("hello"), 10}, {Text, []byte("1"), 22}, {Pong, nil, 26}, {Ping, []byte("p"), 30}, {Binary, []byte("2"), 50}, {Close, nil, 61}}
	s := NewScript(5, server, client)
	want := []Step{
		{Part: server[0], After: 0, Delay: 5}, {Part: server[1], After: 1, Delay: 2}, {Part: server[3], After: 1, Delay: 8}, {Part: server[4], After: 2, Delay: 10},
	}
	if !s.OtherEnds || !reflect.DeepEqual(s.Steps, want) || !reflect.DeepEqual(s.Answers, []Part{client[0], client[2]}) {
		t.Errorf("%+v", s)
	}
	// The side that ends the conversation says so of itself.
	if s := NewScript(5, client, server); len(s.Steps) != 4 || s.Steps[3].Kind != Close || s.Steps[3].After != 3 {
		t.Errorf("%+v", s)
	}
}
