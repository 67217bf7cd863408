// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package har

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func record() *trafficpb.Record {
	return &trafficpb.Record{
		Id: "01J0000000000000000000001", Direction: trafficpb.Direction_DIRECTION_OUTBOUND, Protocol: "http/1.1",
		Operation: "POST /echo", Status: 200, Host: "back", Port: 9898, PeerAddress: "10.0.0.7:9898",
		Namespace: "shop", Workload: "front", Pod: "front-1", PodUid: "u", Session: "s", Connection: "c", Ordinal: 3,
		Request: &trafficpb.Message{
			Head: []byte("POST /echo?a=1&b=%20x HTTP/1.1\r\nHost: back:9898\r\nContent-Type: application/json\r\n\r\n"),
			Body: []byte(`{"a":"<&>"}`), BodyLength: 11, BodySha256: []byte{1, 0xab},
			FirstByte: 1_760_000_000_000_000_001, LastByte: 1_760_000_000_000_000_002,
		},
		Response: &trafficpb.Message{
			Head: []byte("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n"), Body: []byte{0xff, 0xfe}, BodyLength: 1000,
			FirstByte: 1_760_000_000_100_000_000, LastByte: 1_760_000_000_250_000_001,
		},
		Defects:  []trafficpb.Defect{trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED},
		Redacted: []string{"request.header.authorization"}, Parent: "p", TraceId: "t", NotReplayable: true, Sequence: 7, ProxyInstance: "i",
	}
}

func write(t testing.TB, token string, records ...*trafficpb.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, "1.2.3")
	require.NoError(t, err)
	for _, r := range records {
		require.NoError(t, w.Write(r))
	}
	require.NoError(t, w.Close(token))
	return out.Bytes()
}

func read(t testing.TB, archive []byte, port uint32) []*trafficpb.Record {
	t.Helper()
	var records []*trafficpb.Record
	require.NoError(t, Scan(bytes.NewReader(archive), func(raw []byte, offset int64) error {
		require.Equal(t, string(raw), string(archive[offset:offset+int64(len(raw))]))
		r, err := Parse(raw, port)
		records = append(records, r)
		return err
	}))
	return records
}

// The fields that standard tools read.
func TestArchive(t *testing.T) {
	var archive struct {
		Log struct {
			Version  string
			Creator  struct{ Name, Version string }
			Continue string `json:"_continue"`
			Entries  []map[string]any
		}
	}
	require.NoError(t, json.Unmarshal(write(t, "next", record()), &archive))
	require.Equal(t, "1.2", archive.Log.Version)
	require.Equal(t, "Restage", archive.Log.Creator.Name)
	require.Equal(t, "1.2.3", archive.Log.Creator.Version)
	require.Equal(t, "next", archive.Log.Continue)
	e := archive.Log.Entries[0]
	require.Equal(t, "2025-10-09T08:53:20.000000001Z", e["startedDateTime"])
	require.Equal(t, "10.0.0.7", e["serverIPAddress"])
	require.Equal(t, map[string]any{}, e["cache"])
	require.Equal(t, "Outbound", e["_direction"])
	require.Equal(t, []any{"ResponseTruncated"}, e["_defects"])
	require.Equal(t, map[string]any{"send": 0.000001, "wait": 99.999998, "receive": 150.000001}, e["timings"])
	require.Equal(t, 250.0, e["time"])
	request := e["request"].(map[string]any)
	require.Equal(t, "http://back:9898/echo?a=1&b=%20x", request["url"])
	require.Equal(t, "HTTP/1.1", request["httpVersion"])
	require.Equal(t, []any{map[string]any{"name": "a", "value": "1"}, map[string]any{"name": "b", "value": " x"}}, request["queryString"])
	require.Equal(t, map[string]any{"mimeType": "application/json", "text": `{"a":"<&>"}`}, request["postData"])
	require.Equal(t, []any{}, request["cookies"])
	response := e["response"].(map[string]any)
	require.Equal(t, map[string]any{"size": 2.0, "mimeType": "image/png", "text": "//4=", "encoding": "base64"}, response["content"])
	require.Equal(t, "OK", response["statusText"])
	require.Equal(t, "", response["redirectURL"])
	require.NotContains(t, request, "_headBase64")
}

func TestRoundTrip(t *testing.T) {
	refused := record()
	refused.Response, refused.Status, refused.Failure, refused.Defects = nil, 0, "connect: connection refused", nil
	odd := record()
	odd.Request.Head = []byte("GET //a b HTTP/1.0\nX-Twice:b \r\n folded\r\nbroken\r\n\r\n")
	odd.Response.Head = []byte("HTTP/1.1 200 \xff\r\n\r\n")
	odd.Request.Body, odd.Response.Body = []byte{0, 0xff}, nil
	opaque := &trafficpb.Record{
		Id: "x", Direction: trafficpb.Direction_DIRECTION_INBOUND, Protocol: "opaque", Port: 6379, Workload: "front",
		Request:  &trafficpb.Message{Body: []byte("*1\r\n$4\r\nPING\r\n"), BodyLength: 14, FirstByte: 1},
		Response: &trafficpb.Message{FirstByte: 2, LastByte: 2},
	}
	target := record()
	target.Request.Head = []byte("OPTIONS * HTTP/1.1\r\nHost: back\r\n\r\n")
	records := []*trafficpb.Record{record(), refused, odd, opaque, target}
	got := read(t, write(t, "", records...), 0)
	require.Len(t, got, len(records))
	for i := range records {
		require.True(t, proto.Equal(records[i], got[i]), "was  %v\ncame %v", records[i], got[i])
	}
}

func TestEmptyArchive(t *testing.T) {
	require.Empty(t, read(t, write(t, ""), 0))
}

const browser = `{"log": {"pages": [{"id": "1"}], "entries": [{
	"startedDateTime": "2026-05-04T12:00:00.500+02:00", "time": 30, "connection": "443", "_priority": "High",
	"request": {"method": "POST", "url": "https://shop.example/cart?x=1", "httpVersion": "h2", "headersSize": -1, "bodySize": 7,
		"headers": [{"name": ":authority", "value": "shop.example"}, {"name": "accept", "value": "*/*"}, {"name": "content-length", "value": "9"}],
		"postData": {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a b", "value": "c&d"}]}},
	"response": {"status": 200, "statusText": "", "httpVersion": "h2",
		"headers": [{"name": "content-encoding", "value": "br"}, {"name": "content-type", "value": "text/html"}],
		"content": {"size": 5, "mimeType": "text/html", "text": "hello"}},
	"timings": {"blocked": 1, "dns": -1, "connect": 4, "ssl": 3, "send": 5, "wait": 10, "receive": 10.5}
}]}, "comment": {"of": ["any", {"form": 1}]}}`

// What a browser saved can be replayed as HTTP/1.1.
func TestArchiveOfABrowser(t *testing.T) {
	r := read(t, []byte(browser), 9898)[0]
	require.Equal(t, "POST /cart", r.GetOperation())
	require.Equal(t, trafficpb.Direction_DIRECTION_INBOUND, r.GetDirection())
	require.EqualValues(t, 9898, r.GetPort())
	require.Equal(t, "443", r.GetConnection())
	require.Len(t, r.GetId(), 26)
	require.Equal(t, r.GetId(), read(t, []byte(browser), 9898)[0].GetId())
	require.Equal(t, "POST /cart?x=1 HTTP/1.1\r\nHost: shop.example\r\naccept: */*\r\nContent-Length: 9\r\n\r\n", string(r.GetRequest().GetHead()))
	require.Equal(t, "a+b=c%26d", string(r.GetRequest().GetBody()))
	require.Equal(t, "HTTP/1.1 200\r\ncontent-type: text/html\r\nContent-Length: 5\r\n\r\n", string(r.GetResponse().GetHead()))
	require.Equal(t, "hello", string(r.GetResponse().GetBody()))
	const began = 1_777_888_800_505_000_000
	require.EqualValues(t, began, r.GetRequest().GetFirstByte())
	require.EqualValues(t, began+5_000_000, r.GetRequest().GetLastByte())
	require.EqualValues(t, began+15_000_000, r.GetResponse().GetFirstByte())
	require.EqualValues(t, began+25_500_000, r.GetResponse().GetLastByte())
}

func TestBadArchives(t *testing.T) {
	browserWith := func(was, is string) string { return strings.Replace(browser, was, is, 1) }
	for name, test := range map[string]struct{ archive, want string }{
		"no archive":      {`[]`, "is this a HAR?"},
		"no entries":      {`{"log":{}}`, "log.entries: is missing"},
		"entries twice":   {`{"log":{"entries":[],"entries":[]}}`, "log.entries: is there twice"},
		"entries of what": {`{"log":{"entries":{}}}`, "log.entries: { is found where [ is expected"},
		"cut off":         {browser[:700], "unexpected"},
		"more":            {browser + "{}", "more after the archive"},
		"no port":         {browser, "request.url: it names no port; set spec.upload.port"},
		"no url":          {browserWith("https://shop.example", "about:"), "request.url"},
		"no method":       {browserWith(`"POST"`, `"PO ST"`), "request.method"},
		"no time":         {browserWith("2026-05-04T12", "noon"), "startedDateTime"},
		"no status":       {browserWith(`"status": 200`, `"status": -1`), "response.status: -1"},
		"split headers":   {browserWith(`"*/*"`, `"a\r\nb: c"`), "request.headers"},
		"unknown coding":  {browserWith(`"text": "hello"`, `"text": "hello", "encoding": "rot13"`), `encoding "rot13" is not known`},
		"too large":       {`{"log":{"entries":["` + strings.Repeat("x", 2*MaxEntryBytes) + `"]}}`, "more than 16777216 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			port := uint32(80)
			if name == "no port" {
				port = 0
			}
			err := Scan(strings.NewReader(test.archive), func(raw []byte, _ int64) error {
				_, err := Parse(raw, port)
				return err
			})
			require.ErrorContains(t, err, test.want)
		})
	}
}

// FuzzScan checks that what is read can be written, and then comes back as it was.
func FuzzScan(f *testing.F) {
	f.Add([]byte(browser))
	f.Add(write(f, "", record()))
	f.Fuzz(func(t *testing.T, archive []byte) {
		_ = Scan(bytes.NewReader(archive), func(raw []byte, _ int64) error {
			r, err := Parse(raw, 80)
			if err != nil {
				return nil
			}
			got := read(t, write(t, "", r), 0)
			require.Len(t, got, 1)
			require.True(t, proto.Equal(r, got[0]), "was  %v\ncame %v", r, got[0])
			return nil
		})
	})
}

func TestArchiveOfGRPC(t *testing.T) {
	want := record()
	want.Protocol, want.Stream, want.Scheme, want.GrpcStatus = "grpc", 5, "https", 14
	want.Request.Head = []byte("POST /a.B/C HTTP/2\r\nhost: back:9898\r\ncontent-type: application/grpc\r\n\r\n")
	want.Response.Head = []byte("HTTP/2 200\r\ncontent-type: application/grpc\r\n\r\n")
	want.Response.Trailers = []byte("grpc-status: 14\r\ngrpc-message: gone\r\n")
	archive := write(t, "", want)
	require.Contains(t, string(archive), `"url":"https://back:9898/a.B/C"`)
	require.Contains(t, string(archive), `"httpVersion":"HTTP/2"`)
	got := read(t, archive, 0)
	require.Len(t, got, 1)
	require.True(t, proto.Equal(want, got[0]), "%v\n%v", want, got[0])
}

func TestArchiveOfAStream(t *testing.T) {
	want := record()
	want.Protocol, want.EndedBy, want.Status = "websocket", "server", 0
	want.Request.Head, want.Response.Head = nil, nil
	want.Request.Pieces = []*trafficpb.Piece{{End: 5, At: 1_760_000_000_000_000_001, Kind: 1}, {End: 11, At: 1_760_000_000_000_000_002, Kind: 0x42}}
	archive := write(t, "", want)
	require.Contains(t, string(archive), `"_pieces":[{"end":5,"time":"2025-10-09T08:53:20.000000001Z","kind":1},`)
	got := read(t, archive, 0)
	require.Len(t, got, 1)
	require.True(t, proto.Equal(want, got[0]), "%v\n%v", want, got[0])

	for old, wrong := range map[string]string{`"_endedBy":"server"`: `"_endedBy":"x"`, `"end":11`: `"end":12`} {
		broken := strings.Replace(string(archive), old, wrong, 1)
		err := Scan(strings.NewReader(broken), func(raw []byte, _ int64) error {
			_, err := Parse(raw, 0)
			return err
		})
		require.ErrorContains(t, err, "allowed are")
	}
}
