// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func shopRecord() *trafficpb.Record {
	return &trafficpb.Record{
		Id: "01J0000000000000000000001", Direction: trafficpb.Direction_DIRECTION_OUTBOUND, Protocol: "http/1.1",
		Operation: "POST /echo", Status: 200, Host: "back", Port: 9898, PeerAddress: "10.0.0.7:9898",
		Namespace: "shop", Workload: "front", Pod: "front-1", PodUid: "u", Session: "s", Connection: "c", Ordinal: 3,
		Request: &trafficpb.Message{
			Head: []byte("POST /echo HTTP/1.1\r\nHost: back:9898\r\nX-Twice: a\r\nX-Twice:b \r\n folded\r\nbroken\r\n\r\n"),
			Body: []byte(`{"a":"<&>"}`), BodyLength: 11, BodySha256: []byte{1, 0xab},
			FirstByte: 1_760_000_000_000_000_001, LastByte: 1_760_000_000_000_000_002,
		},
		Response: &trafficpb.Message{
			Head: []byte("HTTP/1.1 200 OK\r\n\r\n"), Body: []byte{0xff, 0xfe}, BodyLength: 1000,
			FirstByte: 1_760_000_000_100_000_000, LastByte: 1_760_000_000_250_000_001,
		},
		Defects:  []trafficpb.Defect{trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED, trafficpb.Defect_DEFECT_CUT_OFF},
		Redacted: []string{"request.header.authorization"}, Parent: "p",
	}
}

func TestRecordJSON(t *testing.T) {
	line, err := MarshalRecordJSON(shopRecord(), nil)
	require.NoError(t, err)
	require.NotContains(t, string(line), "\n")
	require.Contains(t, string(line), `<&>`) // readable, not escaped for HTML
	require.JSONEq(t, `{
		"id": "01J0000000000000000000001", "direction": "Outbound", "key": "back:9898", "protocol": "http/1.1",
		"operation": "POST /echo", "status": 200, "startTime": "2025-10-09T08:53:20.000000001Z", "latencySeconds": 0.25,
		"namespace": "shop", "workload": "front", "pod": "front-1", "podUID": "u", "host": "back", "port": 9898,
		"peerAddress": "10.0.0.7:9898", "session": "s", "connection": "c", "ordinal": 3, "parent": "p",
		"request": {
			"startLine": "POST /echo HTTP/1.1",
			"headers": [["Host", "back:9898"], ["X-Twice", "a"], ["X-Twice", "b"], ["", "folded"], ["", "broken"]],
			"headBase64": "`+base64.StdEncoding.EncodeToString(shopRecord().GetRequest().GetHead())+`",
			"body": "{\"a\":\"<&>\"}", "bodyLength": 11, "bodySHA256": "01ab",
			"firstByteTime": "2025-10-09T08:53:20.000000001Z", "lastByteTime": "2025-10-09T08:53:20.000000002Z"
		},
		"response": {
			"startLine": "HTTP/1.1 200 OK", "bodyBase64": "//4=", "bodyLength": 1000, "truncated": true,
			"firstByteTime": "2025-10-09T08:53:20.1Z", "lastByteTime": "2025-10-09T08:53:20.250000001Z"
		},
		"defects": ["ResponseTruncated", "CutOff"], "redacted": ["request.header.authorization"]
	}`, string(line))
}

func TestRecordJSONOfAStream(t *testing.T) {
	record := &trafficpb.Record{
		Id: "1", Direction: trafficpb.Direction_DIRECTION_INBOUND, Protocol: "websocket", EndedBy: "client",
		Request: &trafficpb.Message{Body: []byte("hibye"), BodyLength: 5, Pieces: []*trafficpb.Piece{
			{End: 2, At: 1_760_000_000_000_000_001, Kind: 1}, {End: 2, At: 1_760_000_000_000_000_002, Kind: 9}, {End: 5, Kind: 2},
		}},
	}
	line, err := MarshalRecordJSON(record, nil)
	require.NoError(t, err)
	require.Contains(t, string(line), `"endedBy":"client"`)
	require.Contains(t, string(line), `"pieces":[{"end":2,"time":"2025-10-09T08:53:20.000000001Z","kind":1},`+
		`{"end":2,"time":"2025-10-09T08:53:20.000000002Z","kind":9},{"end":5,"kind":2}]`)
	back, err := UnmarshalRecordJSON(line)
	require.NoError(t, err)
	require.True(t, proto.Equal(record, back), "%v\n%v", record, back)

	for text, want := range map[string]string{
		`"pieces":[{"end":6}]`:                "request.pieces[0].end: 6, allowed are 0 to 5",
		`"pieces":[{"end":3},{"end":2}]`:      "request.pieces[1].end: 2, allowed are 3 to 5",
		`"pieces":[{"end":3,"time":"today"}]`: "request.pieces[0].time: ",
	} {
		_, err := UnmarshalRecordJSON([]byte(`{"direction":"Inbound","request":{"body":"hibye","bodyLength":5,` + text + `}}`))
		require.ErrorContains(t, err, want)
	}
	_, err = UnmarshalRecordJSON([]byte(`{"direction":"Inbound","endedBy":"proxy"}`))
	require.ErrorContains(t, err, `endedBy: "proxy", allowed are client and server`)
}

func TestParts(t *testing.T) {
	m := &trafficpb.Message{Body: []byte("abcdef"), Pieces: []*trafficpb.Piece{{End: 2, Kind: 1}, {End: 1}, {End: 4, At: 7}, {End: 99}, {End: -1}}}
	var texts []string
	for part := range Parts(m) {
		texts = append(texts, string(part.Bytes))
	}
	require.Equal(t, []string{"ab", "", "cd", "ef", ""}, texts)
	for part := range Parts(m) {
		require.Equal(t, Part{Bytes: []byte("ab"), Kind: 1}, part)
		break
	}
}

func TestRecordJSONOfAFailure(t *testing.T) {
	record := shopRecord()
	record.Response, record.Status, record.Failure = nil, 0, "connect: connection refused"
	line, err := MarshalRecordJSON(record, nil)
	require.NoError(t, err)
	var form map[string]any
	require.NoError(t, json.Unmarshal(line, &form))
	require.Equal(t, "connect: connection refused", form["failure"])
	require.NotContains(t, form, "response")
	require.NotContains(t, form, "latencySeconds")
	require.NotContains(t, form, "status")
}

func TestDefectNames(t *testing.T) {
	for number := range trafficpb.Defect_name {
		defect, err := ParseDefect(DefectName(trafficpb.Defect(number)))
		require.NoError(t, err)
		require.Equal(t, trafficpb.Defect(number), defect)
	}
	_, err := ParseDefect("Sloppy")
	require.ErrorContains(t, err, `"Sloppy"`)
}

// FuzzMarshalRecordJSON checks that any record makes one valid line, and that bodies and heads come through.
func FuzzMarshalRecordJSON(f *testing.F) {
	seed, err := proto.Marshal(shopRecord())
	require.NoError(f, err)
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		record := &trafficpb.Record{}
		if proto.Unmarshal(data, record) != nil {
			return
		}
		line, err := MarshalRecordJSON(record, nil)
		require.NoError(t, err)
		require.False(t, bytes.ContainsRune(line, '\n'))
		var form recordJSON
		require.NoError(t, json.Unmarshal(line, &form))
		for message, got := range map[*trafficpb.Message]*messageJSON{record.GetRequest(): form.Request, record.GetResponse(): form.Response} {
			if message == nil {
				continue
			}
			body := []byte(got.Body)
			if !utf8.Valid(message.GetBody()) {
				body = got.BodyBase64
			}
			require.Equal(t, string(message.GetBody()), string(body))
			if !utf8.Valid(message.GetHead()) {
				require.Equal(t, base64.StdEncoding.EncodeToString(message.GetHead()), base64.StdEncoding.EncodeToString(got.HeadBase64))
			}
		}
	})
}

func BenchmarkMarshalRecordJSON(b *testing.B) {
	record := shopRecord()
	b.SetBytes(int64(proto.Size(record)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := MarshalRecordJSON(record, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRecordJSONOfGRPC(t *testing.T) {
	record := &trafficpb.Record{
		Id: "1", Direction: trafficpb.Direction_DIRECTION_INBOUND, Protocol: "grpc", Stream: 3, Scheme: "http", Status: 200, GrpcStatus: 5,
		Request: &trafficpb.Message{Head: []byte("POST /a.B/C HTTP/2\r\nhost: b\r\n\r\n"), Body: []byte{0, 0, 0, 0, 0}, BodyLength: 5},
		Response: &trafficpb.Message{
			Head: []byte("HTTP/2 200\r\ncontent-type: application/grpc\r\n\r\n"), Trailers: []byte("grpc-status: 5\r\ngrpc-message: no: such\r\n"),
		},
	}
	line, err := MarshalRecordJSON(record, nil)
	require.NoError(t, err)
	require.Contains(t, string(line), `"grpcStatus":5`)
	require.Contains(t, string(line), `"trailers":[["grpc-status","5"],["grpc-message","no: such"]]`)
	back, err := UnmarshalRecordJSON(line)
	require.NoError(t, err)
	require.True(t, proto.Equal(record, back), "%v\n%v", record, back)
}
