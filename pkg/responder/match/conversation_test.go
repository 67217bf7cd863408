// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"strings"
	"testing"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// conversation makes a record of turns, each "> text" of the client or "< text" of the server.
func conversation(id string, port uint32, turns ...string) *trafficpb.Record {
	r := &trafficpb.Record{
		Id: id, Protocol: traffic.ProtocolOpaque, Host: "10.0.0.9", Port: port, EndedBy: "client",
		Request: &trafficpb.Message{}, Response: &trafficpb.Message{},
	}
	for i, turn := range turns {
		m, at := r.Request, int64(100*(i+1))
		if turn[0] == '<' {
			m = r.Response
		}
		m.Body = append(m.Body, turn[2:]...)
		m.Pieces = append(m.Pieces, &trafficpb.Piece{End: int64(len(m.Body)), At: at, Kind: uint32(i)})
		m.BodyLength = int64(len(m.Body))
		if m.FirstByte == 0 {
			m.FirstByte = at
		}
	}
	return r
}

// before makes a record without turns, as recorders wrote them at first.
func before(id string, port uint32, sent, received string, first int64) *trafficpb.Record {
	return &trafficpb.Record{
		Id: id, Protocol: traffic.ProtocolOpaque, Host: "10.0.0.9", Port: port,
		Request:  &trafficpb.Message{Body: []byte(sent), BodyLength: int64(len(sent)), FirstByte: 100},
		Response: &trafficpb.Message{Body: []byte(received), BodyLength: int64(len(received)), FirstByte: first},
	}
}

// talk plays the client's turns and returns what the server says, each followed by the cue that ends it.
func talk(t *testing.T, c *Conversation, turns ...string) string {
	t.Helper()
	var heard strings.Builder
	for _, turn := range append([]string{""}, turns...) {
		if turn != "" && !c.Take([]byte(turn)) {
			heard.WriteString("!" + c.Difference([]byte(turn)))
			return heard.String()
		}
		cue := c.Cue(turn != "")
		for ; cue == Speak; cue = c.Cue(true) {
			heard.Write(c.Step().Bytes)
		}
		heard.WriteString(map[Cue]string{Listen: "|", Unsure: "?", End: "."}[cue])
	}
	return heard.String()
}

func TestConversations(t *testing.T) {
	for _, c := range []struct {
		name    string
		records []*trafficpb.Record
		turns   []string
		want    string
	}{
		{"two turns", []*trafficpb.Record{conversation("a", 1, "> A", "< 1", "> B", "< 2")}, []string{"A", "B"}, "|1|2."},
		{"a turn in parts", []*trafficpb.Record{conversation("a", 1, "> AA", "< 1")}, []string{"A", "A"}, "||1."},
		{"turns that come together", []*trafficpb.Record{conversation("a", 1, "> A", "< 1", "> B", "< 2")}, []string{"AB"}, "|12."},
		{"the server speaks first", []*trafficpb.Record{conversation("a", 1, "< hello", "> A", "< 1")}, []string{"A"}, "hello|1."},
		{"the longer turn", []*trafficpb.Record{conversation("a", 1, "> A", "< 1"), conversation("b", 1, "> AB", "< 2")}, []string{"AB"}, "|2."},
		{"the shorter turn", []*trafficpb.Record{conversation("a", 1, "> A", "< 1"), conversation("b", 1, "> AB", "< 2")}, []string{"A"}, "|1."},
		{"another one goes on", []*trafficpb.Record{conversation("a", 1, "> A", "< 1", "> B", "< 2"), conversation("b", 1, "> A", "< 1", "> C", "< 3")},
			[]string{"A", "C"}, "|1|3."},
		{"another one goes on after the end", []*trafficpb.Record{conversation("a", 1, "> A", "< 1"), conversation("b", 1, "> A", "< 1", "> C", "< 3")},
			[]string{"A", "C"}, "|1.3."},
		{"the one that said the same goes on", []*trafficpb.Record{
			conversation("a", 1, "> A", "< 1"), conversation("b", 1, "> A", "< 9", "> C", "< 8"), conversation("c", 1, "> A", "< 1", "> C", "< 3"),
		}, []string{"A", "C"}, "|1.3."},
		{"a difference", []*trafficpb.Record{conversation("a", 1, "> A", "< 1", "> BBB", "< 2")}, []string{"A", "BBX"},
			"|1|!turn 2 of the client differs at byte 2 from the nearest recorded connection, a"},
		{"more than was recorded", []*trafficpb.Record{conversation("a", 1, "> A", "< 1")}, []string{"A", "BB"},
			"|1.!the client sent 2 bytes more than was recorded (a)"},
		{"nothing is known", nil, []string{"A"}, "|!"},
		{"without turns", []*trafficpb.Record{before("a", 1, "PING", "PONG", 200)}, []string{"PING"}, "|PONG."},
		{"without turns, the server alone", []*trafficpb.Record{before("a", 1, "", "hello", 50)}, nil, "hello."},
	} {
		if got := talk(t, Build(c.records).Converse("10.0.0.9", 1), c.turns...); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestConversationsArePlayedInOrder(t *testing.T) {
	x := Build([]*trafficpb.Record{
		conversation("a", 1, "> A", "< 1"), conversation("b", 1, "> A", "< 2", "> B", "< 3"), conversation("c", 1, "> A", "< 4"),
	})
	for _, want := range []string{"|1", "|2", "|4", "|4"} {
		if got := talk(t, x.Converse("10.0.0.9", 1), "A"); !strings.HasPrefix(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	if x.Unused() != 0 {
		t.Errorf("%d unused", x.Unused())
	}
	// Whoever leaves a connection for another one gives it free.
	y := Build([]*trafficpb.Record{conversation("a", 1, "> A", "< 1", "> C", "< 2"), conversation("b", 1, "> A", "< 1", "> B", "< 3")})
	if got := talk(t, y.Converse("10.0.0.9", 1), "A", "B"); got != "|1|3." || y.Unused() != 1 {
		t.Errorf("heard %q, %d unused", got, y.Unused())
	}
	if got := talk(t, y.Converse("10.0.0.9", 1), "A", "C"); got != "|1|2." || y.Unused() != 0 {
		t.Errorf("heard %q, %d unused", got, y.Unused())
	}
}

func TestWhatIsKnownOfOpaqueDestinations(t *testing.T) {
	followed := conversation("f", 5, "> A", "< 1")
	followed.Ordinal = 1
	x := Build([]*trafficpb.Record{
		conversation("a", 1, "> PING", "< PONG"), conversation("b", 1, "> PING!", "< PONG!"), conversation("c", 2, "< hello"),
		before("d", 3, "login", "greeting", 50), conversation("e", 4, "< hello", "> A", "< 1"), followed,
	})
	for sent, want := range map[string]bool{"P": false, "PING": true, "PING!": true, "PONG": false, "PING!!": false} {
		if got := x.BeginsOpaque("10.0.0.9", 1, []byte(sent)); got != want {
			t.Errorf("%q begins: %v", sent, got)
		}
	}
	for port, want := range map[uint32]bool{1: false, 2: true, 3: true, 4: true, 5: false, 6: false} {
		if x.SpeaksFirst("10.0.0.9", port) != want {
			t.Errorf("port %d: speaks first %v", port, !want)
		}
	}
	e := NewExplainer(x)
	for port, want := range map[uint32]string{1: "none of 2 recorded connections", 3: "before the turns", 5: "no connection", 6: "no connection"} {
		if got := e.ExplainOpaque("10.0.0.9", port, 4); !strings.Contains(got, want) {
			t.Errorf("port %d: %q lacks %q", port, got, want)
		}
	}
}

// FuzzConversation checks that no recording and no client bring a conversation out of step.
func FuzzConversation(f *testing.F) {
	f.Add([]byte("AABB"), []byte("1122"), uint8(2), uint8(2), []byte("AABB"))
	f.Fuzz(func(t *testing.T, client, server []byte, a, b uint8, said []byte) {
		r := conversation("a", 1)
		r.Request.Body, r.Response.Body = client, server
		r.Request.Pieces = []*trafficpb.Piece{{End: int64(a), Kind: uint32(b)}, {End: int64(b), At: 5}}
		r.Response.Pieces = []*trafficpb.Piece{{End: int64(b), Kind: uint32(a)}, {End: -int64(a), At: 3, Kind: 1}}
		c := Build([]*trafficpb.Record{r, conversation("b", 1, "> A", "< 1", "> B")}).Converse("10.0.0.9", 1)
		for i := range said {
			if !c.Take(said[i : i+1]) {
				_ = c.Difference(said[i : i+1])
				return
			}
			heard := 0
			for c.Cue(i%2 == 0) == Speak {
				heard += len(c.Step().Bytes)
			}
			if heard > len(server)+1 {
				t.Fatalf("heard %d bytes of %d", heard, len(server))
			}
			if c.Cue(true) == Listen {
				_ = c.Missing()
			}
		}
	})
}
