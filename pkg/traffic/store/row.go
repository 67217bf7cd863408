// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package store keeps records in Parquet files in blob storage: the schema, writing, reading, and the names of the files.
//
// A file has one row a record, sorted by start_time; row is the schema. Its metadata has restage.schema_version.
package store

import (
	"fmt"
	"time"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// SchemaVersion is the version of the schema that is written. It grows when a column changes its meaning or goes, and when
// records without a new column would be misunderstood; another new column does not make a new version, since readers take a
// column that is not there as empty.
//
// Version 2 has the pieces of streams: whoever does not know them takes a conversation of many turns for a single one.
const SchemaVersion = 2

// oldestSchemaVersion is the oldest one that is read.
const oldestSchemaVersion = 1

func readable(version int) bool { return oldestSchemaVersion <= version && version <= SchemaVersion }

// readableVersions ends the error about another version.
func readableVersions() string {
	return fmt.Sprintf("this program reads %d to %d", oldestSchemaVersion, SchemaVersion)
}

// Names in the metadata of a file.
const (
	schemaVersionKey = "restage.schema_version"
	minTimeKey       = "restage.first_start_ns" // Unix nanoseconds
	maxTimeKey       = "restage.last_start_ns"  // Unix nanoseconds
)

// row is one record. Text that is absent is the empty string, a time that is absent is 0.
type row struct {
	// StartTime is when the exchange began, in microseconds, which every query engine reads. The columns ending
	// in _ns are the same clock, exact: Unix nanoseconds.
	StartTime     int64      `parquet:"start_time,timestamp(microsecond),delta"`
	ID            string     `parquet:"id"`             // ULID
	Direction     string     `parquet:"direction,dict"` // inbound or outbound
	Key           string     `parquet:"key,dict"`       // slice key: workload:port or host:port
	Protocol      string     `parquet:"protocol,dict"`
	Operation     string     `parquet:"operation,dict"` // "GET /orders/7"
	Status        int32      `parquet:"status,dict"`    // 0: no response
	Failure       string     `parquet:"failure,dict"`   // why there was no whole response
	Namespace     string     `parquet:"namespace,dict"`
	Workload      string     `parquet:"workload,dict"`
	Pod           string     `parquet:"pod,dict"`
	PodUID        string     `parquet:"pod_uid,dict"`
	Host          string     `parquet:"host,dict"` // outbound: the dependency
	Port          int32      `parquet:"port,dict"`
	PeerAddress   string     `parquet:"peer_address,dict"`
	Session       string     `parquet:"session"`
	Connection    string     `parquet:"connection,dict"`
	Ordinal       int64      `parquet:"ordinal,delta"`      // position on the connection
	Stream        int64      `parquet:"stream,delta"`       // http/2 and grpc: id of the stream
	Scheme        string     `parquet:"scheme,dict"`        // http or https
	GRPCStatus    int32      `parquet:"grpc_status,dict"`   // grpc: code of the call
	EndedBy       string     `parquet:"ended_by,dict"`      // who ended the connection of a stream: client or server
	TLSUntouched  string     `parquet:"tls_untouched,dict"` // why TLS was not read, where it was to be
	TraceID       string     `parquet:"trace_id"`
	Parent        string     `parquet:"parent"` // snapshots only: id of the inbound record that caused this outbound one
	Defects       []string   `parquet:"defects,list"`
	Redacted      []string   `parquet:"redacted,list"`   // where
	Redactions    []countRow `parquet:"redactions,list"` // by class
	NotReplayable bool       `parquet:"not_replayable"`  // snapshots only
	ProxyInstance string     `parquet:"proxy_instance,dict"`
	Sequence      int64      `parquet:"sequence,delta"`

	RequestHead        []byte     `parquet:"request_head"` // raw bytes of the first line and the headers
	RequestBody        []byte     `parquet:"request_body"` // may be cut; see request_body_length
	RequestBodyLength  int64      `parquet:"request_body_length,delta"`
	RequestBodySHA256  []byte     `parquet:"request_body_sha256"`
	RequestFirstByte   int64      `parquet:"request_first_byte_ns,delta"`
	RequestLastByte    int64      `parquet:"request_last_byte_ns,delta"`
	RequestPieces      []pieceRow `parquet:"request_pieces,list"`
	RequestTrailers    []byte     `parquet:"request_trailers"` // lines of the fields after the body
	ResponseHead       []byte     `parquet:"response_head"`
	ResponseBody       []byte     `parquet:"response_body"`
	ResponseBodyLength int64      `parquet:"response_body_length,delta"`
	ResponseBodySHA256 []byte     `parquet:"response_body_sha256"`
	ResponseFirstByte  int64      `parquet:"response_first_byte_ns,delta"`
	ResponseLastByte   int64      `parquet:"response_last_byte_ns,delta"`
	ResponsePieces     []pieceRow `parquet:"response_pieces,list"`
	ResponseTrailers   []byte     `parquet:"response_trailers"`
}

// pieceRow is one part of the body of a stream.
type countRow struct {
	Name  string `parquet:"name,dict"`
	Count int64  `parquet:"count"`
}

type pieceRow struct {
	End  int64 `parquet:"end"`   // offset in the body
	At   int64 `parquet:"at_ns"` // Unix nanoseconds
	Kind int32 `parquet:"kind"`
}

// Directions as they stand in the column.
const (
	inbound  = "inbound"
	outbound = "outbound"
)

func newRow(r *trafficpb.Record) row {
	request, response := r.GetRequest(), r.GetResponse()
	out := row{
		StartTime: traffic.Start(r) / int64(time.Microsecond),
		ID:        r.GetId(), Direction: directionColumn(r.GetDirection()), Key: traffic.SliceKey(r), Protocol: r.GetProtocol(),
		Operation: r.GetOperation(), Status: int32(r.GetStatus()), Failure: r.GetFailure(),
		Namespace: r.GetNamespace(), Workload: r.GetWorkload(), Pod: r.GetPod(), PodUID: r.GetPodUid(),
		Host: r.GetHost(), Port: int32(r.GetPort()), PeerAddress: r.GetPeerAddress(),
		Session: r.GetSession(), Connection: r.GetConnection(), Ordinal: int64(r.GetOrdinal()),
		Stream: int64(r.GetStream()), Scheme: r.GetScheme(), GRPCStatus: int32(r.GetGrpcStatus()), EndedBy: r.GetEndedBy(), TLSUntouched: r.GetTlsUntouched(),
		TraceID: r.GetTraceId(), Parent: r.GetParent(),
		Redacted: r.GetRedacted(), NotReplayable: r.GetNotReplayable(),
		ProxyInstance: r.GetProxyInstance(), Sequence: int64(r.GetSequence()),

		RequestHead: request.GetHead(), RequestBody: request.GetBody(),
		RequestBodyLength: request.GetBodyLength(), RequestBodySHA256: request.GetBodySha256(),
		RequestFirstByte: request.GetFirstByte(), RequestLastByte: request.GetLastByte(), RequestPieces: newPieceRows(request.GetPieces()),
		RequestTrailers: request.GetTrailers(), ResponseTrailers: response.GetTrailers(),
		ResponseHead: response.GetHead(), ResponseBody: response.GetBody(),
		ResponseBodyLength: response.GetBodyLength(), ResponseBodySHA256: response.GetBodySha256(),
		ResponseFirstByte: response.GetFirstByte(), ResponseLastByte: response.GetLastByte(), ResponsePieces: newPieceRows(response.GetPieces()),
	}
	for _, c := range r.GetRedactions() {
		out.Redactions = append(out.Redactions, countRow{Name: c.GetName(), Count: int64(c.GetCount())})
	}
	for _, defect := range r.GetDefects() {
		out.Defects = append(out.Defects, traffic.DefectName(defect))
	}
	return out
}

func (r *row) record() (*trafficpb.Record, error) {
	out := &trafficpb.Record{
		Id: r.ID, Session: r.Session, Connection: r.Connection, Ordinal: uint64(r.Ordinal), EndedBy: r.EndedBy, TlsUntouched: r.TLSUntouched,
		Stream: uint32(r.Stream), Scheme: r.Scheme, GrpcStatus: uint32(r.GRPCStatus), Protocol: r.Protocol,
		Namespace: r.Namespace, Workload: r.Workload, Pod: r.Pod, PodUid: r.PodUID,
		Sequence: uint64(r.Sequence), ProxyInstance: r.ProxyInstance,
		Host: r.Host, Port: uint32(r.Port), PeerAddress: r.PeerAddress,
		Operation: r.Operation, Status: uint32(r.Status), Failure: r.Failure,
		Request: newMessage(r.RequestHead, r.RequestBody, r.RequestBodyLength, r.RequestBodySHA256,
			r.RequestFirstByte, r.RequestLastByte, r.RequestPieces, r.RequestTrailers),
		Response: newMessage(r.ResponseHead, r.ResponseBody, r.ResponseBodyLength, r.ResponseBodySHA256,
			r.ResponseFirstByte, r.ResponseLastByte, r.ResponsePieces, r.ResponseTrailers),
		TraceId: r.TraceID, Parent: r.Parent, Redacted: r.Redacted, NotReplayable: r.NotReplayable,
	}
	for _, c := range r.Redactions {
		out.Redactions = append(out.Redactions, &trafficpb.Count{Name: c.Name, Count: uint64(c.Count)})
	}
	switch r.Direction {
	case inbound:
		out.Direction = trafficpb.Direction_DIRECTION_INBOUND
	case outbound:
		out.Direction = trafficpb.Direction_DIRECTION_OUTBOUND
	default:
		return nil, fmt.Errorf("record %s: column direction has %q, not %q or %q", r.ID, r.Direction, inbound, outbound)
	}
	for _, name := range r.Defects {
		defect, err := traffic.ParseDefect(name)
		if err != nil {
			return nil, fmt.Errorf("record %s: column defects: %w", r.ID, err)
		}
		out.Defects = append(out.Defects, defect)
	}
	return out, nil
}

// newMessage returns nil for a message with nothing in it: a file does not tell that from an absent one.
func newMessage(head, body []byte, length int64, hash []byte, first, last int64, pieces []pieceRow, trailers []byte) *trafficpb.Message {
	if len(head) == 0 && len(body) == 0 && length == 0 && len(hash) == 0 && first == 0 && last == 0 {
		return nil
	}
	m := &trafficpb.Message{
		Head: orNil(head), Body: orNil(body), BodyLength: length, BodySha256: orNil(hash), FirstByte: first, LastByte: last, Trailers: orNil(trailers),
	}
	for _, p := range pieces {
		m.Pieces = append(m.Pieces, &trafficpb.Piece{End: p.End, At: p.At, Kind: uint32(p.Kind)})
	}
	return m
}

func newPieceRows(pieces []*trafficpb.Piece) []pieceRow {
	if len(pieces) == 0 {
		return nil
	}
	rows := make([]pieceRow, len(pieces))
	for i, p := range pieces {
		rows[i] = pieceRow{End: p.GetEnd(), At: p.GetAt(), Kind: int32(p.GetKind())}
	}
	return rows
}

func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func directionColumn(d trafficpb.Direction) string {
	if d == trafficpb.Direction_DIRECTION_INBOUND {
		return inbound
	}
	return outbound
}
