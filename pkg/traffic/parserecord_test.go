// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func requireRoundTrip(t *testing.T, record *trafficpb.Record) {
	t.Helper()
	line, err := MarshalRecordJSON(record, nil)
	require.NoError(t, err)
	got, err := UnmarshalRecordJSON(line)
	require.NoError(t, err)
	require.True(t, proto.Equal(record, got), "%s\nwas  %v\ncame %v", line, record, got)
}

func TestRecordJSONRoundTrip(t *testing.T) {
	requireRoundTrip(t, shopRecord())
	plain := shopRecord()
	plain.Request.Head = []byte("GET /a?b HTTP/1.1\r\nHost: x\r\nEmpty: \r\n\r\n")
	requireRoundTrip(t, plain)
	line, err := MarshalRecordJSON(plain, nil)
	require.NoError(t, err)
	require.NotContains(t, string(line), "headBase64", "a usual head is readable alone")
	opaque := &trafficpb.Record{
		Id: "x", Direction: trafficpb.Direction_DIRECTION_INBOUND, Protocol: "opaque", Port: 6379,
		Request:  &trafficpb.Message{Body: []byte("\x00\u2028\""), BodyLength: 5, FirstByte: 1},
		Response: &trafficpb.Message{}, NotReplayable: true, Sequence: 1 << 60, ProxyInstance: "p",
	}
	requireRoundTrip(t, opaque)
}

func TestBadRecordJSON(t *testing.T) {
	for want, line := range map[string]string{
		`unknown field "colour"`:               `{"id":"1","direction":"Inbound","colour":"red"}`,
		`direction: "Sideways" must be`:        `{"direction":"Sideways"}`,
		`defects[1]: unknown defect "Sloppy"`:  `{"direction":"Inbound","defects":["CutOff","Sloppy"]}`,
		`request.bodyLength: 1 is less`:        `{"direction":"Inbound","request":{"body":"ab","bodyLength":1}}`,
		`response.firstByteTime: parsing time`: `{"direction":"Inbound","response":{"firstByteTime":"noon","bodyLength":0}}`,
		`response.bodySHA256: encoding/hex`:    `{"direction":"Inbound","response":{"bodySHA256":"xy","bodyLength":0}}`,
		`more after the record`:                `{"direction":"Inbound"}{}`,
		`unexpected EOF`:                       `{"direction":`,
	} {
		_, err := UnmarshalRecordJSON([]byte(line))
		require.ErrorContains(t, err, want)
	}
}

// FuzzUnmarshalRecordJSON checks that what is read can be written and read again.
func FuzzUnmarshalRecordJSON(f *testing.F) {
	line, err := MarshalRecordJSON(shopRecord(), nil)
	require.NoError(f, err)
	f.Add(line)
	f.Add([]byte(`{"direction":"Inbound","request":{"startLine":"GET /","headers":[["a","b"],["","c"]],"bodyLength":0}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		record, err := UnmarshalRecordJSON(line)
		if err != nil || !utf8.ValidString(record.String()) {
			return
		}
		requireRoundTrip(t, record)
	})
}
