// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// stream makes a message of parts.
func stream(head string, kinds []uint32, parts ...string) *trafficpb.Message {
	m := &trafficpb.Message{Head: []byte(head)}
	for i, part := range parts {
		m.Body = append(m.Body, part...)
		m.Pieces = append(m.Pieces, &trafficpb.Piece{End: int64(len(m.Body)), At: int64(i), Kind: kinds[i]})
	}
	m.BodyLength = int64(len(m.Body))
	return m
}

func textsOf(m *trafficpb.Message) (texts []string) {
	for part := range traffic.Parts(m) {
		texts = append(texts, string(part.Bytes))
	}
	return texts
}

func TestMessagesOfAWebSocket(t *testing.T) {
	r := &trafficpb.Record{
		Protocol: "websocket",
		Request:  stream("", []uint32{1, 1, 9, 1}, `{"password":"hunter2","a":1}`, "mail to ann@shop.example", "", "plain"),
		Response: stream("", []uint32{1, 0x41, 1}, "ok", "compressed", "fine"),
	}
	New([]byte(strings.Repeat("k", 32))).Record(r)
	got := textsOf(r.GetRequest())
	require.Len(t, got, 4)
	require.NotContains(t, got[0], "hunter2")
	require.Contains(t, got[0], `"a":1}`)
	require.NotContains(t, got[1], "ann@")
	require.Equal(t, []string{"", "plain"}, got[2:])
	require.EqualValues(t, len(r.GetRequest().GetBody()), r.GetRequest().GetBodyLength())
	sum := sha256.Sum256(r.GetRequest().GetBody())
	require.Equal(t, sum[:], r.GetRequest().GetBodySha256())
	require.EqualValues(t, 9, r.GetRequest().GetPieces()[2].GetKind())
	require.Equal(t, []string{"ok", "compressed", "fine"}, textsOf(r.GetResponse()))
	require.Equal(t, []string{"request.body", "response.body.unsearched"}, r.GetRedacted())
}

func TestServerSentEventsStayWhereTheyAre(t *testing.T) {
	first, second := "data: {\"password\":\"hunter2\"}\n\n", "data: {\"n\":2}\n\n"
	r := &trafficpb.Record{
		Protocol: "http/1.1",
		Response: stream("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", []uint32{0, 0}, first, second),
	}
	New([]byte(strings.Repeat("k", 32))).Record(r)
	got := textsOf(r.GetResponse())
	require.Len(t, got, 2)
	require.NotContains(t, got[0], "hunter2")
	require.True(t, strings.HasSuffix(got[0], "\"}\n\n"), got[0])
	require.Equal(t, second, got[1])
	require.Equal(t, []string{"response.body"}, r.GetRedacted())
}
