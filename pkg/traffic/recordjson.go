// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// recordJSON is the readable form of a record: what kubectl and jq see. Times are RFC 3339 with nanoseconds, in UTC.
type recordJSON struct {
	ID        string `json:"id"`
	Direction string `json:"direction"` // Inbound or Outbound
	Key       string `json:"key"`
	Protocol  string `json:"protocol"`
	Operation string `json:"operation,omitempty"`
	Status    uint32 `json:"status,omitempty"`
	// GRPCStatus is there when the protocol is grpc and there was a response.
	GRPCStatus *uint32 `json:"grpcStatus,omitempty"`
	Failure    string  `json:"failure,omitempty"`
	// StartTime is Start; LatencySeconds runs from the first byte of the request to the last one of the response.
	StartTime      string       `json:"startTime,omitempty"`
	LatencySeconds *float64     `json:"latencySeconds,omitempty"`
	Namespace      string       `json:"namespace,omitempty"`
	Workload       string       `json:"workload,omitempty"`
	Pod            string       `json:"pod,omitempty"`
	PodUID         string       `json:"podUID,omitempty"`
	Host           string       `json:"host,omitempty"`
	Port           uint32       `json:"port,omitempty"`
	PeerAddress    string       `json:"peerAddress,omitempty"`
	Session        string       `json:"session,omitempty"`
	Connection     string       `json:"connection,omitempty"`
	Ordinal        uint64       `json:"ordinal"`
	Stream         uint32       `json:"stream,omitempty"`
	Scheme         string       `json:"scheme,omitempty"`
	EndedBy        string       `json:"endedBy,omitempty"`      // client or server
	TLSUntouched   string       `json:"tlsUntouched,omitempty"` // why TLS was not read
	TraceID        string       `json:"traceID,omitempty"`
	Parent         string       `json:"parent,omitempty"`
	Request        *messageJSON `json:"request,omitempty"`
	Response       *messageJSON `json:"response,omitempty"`
	Defects        []string     `json:"defects,omitempty"`
	Redacted       []string     `json:"redacted,omitempty"`
	NotReplayable  bool         `json:"notReplayable,omitempty"`
	ProxyInstance  string       `json:"proxyInstance,omitempty"`
	Sequence       uint64       `json:"sequence,omitempty"`
}

// messageJSON is one half of an exchange. Body is there when it is valid UTF-8, else BodyBase64.
type messageJSON struct {
	StartLine string      `json:"startLine,omitempty"`
	Headers   [][2]string `json:"headers,omitempty"` // name and value in the order and case of the wire
	// HeadBase64 is the raw head, there only when it cannot be told from the fields above: it is not valid UTF-8, or spaced
	// or ended in an unusual way.
	HeadBase64 []byte `json:"headBase64,omitempty"`
	Body       string `json:"body,omitempty"`
	BodyBase64 []byte `json:"bodyBase64,omitempty"`
	// Messages are those of a gRPC body whose type is known. The body has all that they have.
	Messages []json.RawMessage `json:"messages,omitempty"`
	// Trailers are the fields after the body.
	Trailers   [][2]string `json:"trailers,omitempty"`
	BodyLength int64       `json:"bodyLength"` // of the whole body, also when it is truncated here
	BodySHA256 string      `json:"bodySHA256,omitempty"`
	Truncated  bool        `json:"truncated,omitempty"`
	FirstByte  string      `json:"firstByteTime,omitempty"`
	LastByte   string      `json:"lastByteTime,omitempty"`
	// Pieces are the parts of a body that came as a stream.
	Pieces []PieceJSON `json:"pieces,omitempty"`
}

// MarshalRecordJSON returns the record as one JSON object on one line, without the line's end. The messages of gRPC calls whose types are known are
// shown beside their bodies; types may be nil.
func MarshalRecordJSON(r *trafficpb.Record, types *descriptor.Set) ([]byte, error) {
	form := recordJSON{
		ID: r.GetId(), Direction: DirectionName(r.GetDirection()), Key: SliceKey(r), Protocol: r.GetProtocol(),
		Operation: r.GetOperation(), Status: r.GetStatus(), Failure: r.GetFailure(),
		StartTime: timeText(Start(r)), LatencySeconds: latencySeconds(r),
		Namespace: r.GetNamespace(), Workload: r.GetWorkload(), Pod: r.GetPod(), PodUID: r.GetPodUid(),
		Host: r.GetHost(), Port: r.GetPort(), PeerAddress: r.GetPeerAddress(),
		Session: r.GetSession(), Connection: r.GetConnection(), Ordinal: r.GetOrdinal(), Stream: r.GetStream(), Scheme: r.GetScheme(), EndedBy: r.GetEndedBy(), TLSUntouched: r.GetTlsUntouched(),
		TraceID: r.GetTraceId(), Parent: r.GetParent(),
		Request:  newMessageJSON(r.GetRequest()),
		Response: newMessageJSON(r.GetResponse()),
		Redacted: r.GetRedacted(), NotReplayable: r.GetNotReplayable(),
		ProxyInstance: r.GetProxyInstance(), Sequence: r.GetSequence(),
	}
	if r.GetProtocol() == ProtocolGRPC && r.GetResponse() != nil {
		form.GRPCStatus = &r.GrpcStatus
		form.Response.Messages = namedMessages(types.Response(r.GetOperation()), r.GetResponse(), form.Response.Headers)
	}
	if r.GetProtocol() == ProtocolGRPC && r.GetRequest() != nil {
		form.Request.Messages = namedMessages(types.Request(r.GetOperation()), r.GetRequest(), form.Request.Headers)
	}
	for _, defect := range r.GetDefects() {
		form.Defects = append(form.Defects, DefectName(defect))
	}
	return MarshalJSON(form)
}

// MarshalJSON returns a value as JSON on one line, without the line's end. Unlike json.Marshal it does not escape HTML: bodies often are HTML, and
// are to be read.
func MarshalJSON(v any) ([]byte, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line.Bytes(), []byte("\n")), nil
}

// DefectName returns the readable name of a defect, such as RequestTruncated.
func DefectName(d trafficpb.Defect) string {
	var name strings.Builder
	for word := range strings.SplitSeq(strings.TrimPrefix(d.String(), "DEFECT_"), "_") {
		if word != "" {
			name.WriteString(word[:1] + strings.ToLower(word[1:]))
		}
	}
	return name.String()
}

// ParseDefect is the inverse of DefectName.
func ParseDefect(name string) (trafficpb.Defect, error) {
	for number := range trafficpb.Defect_name {
		if defect := trafficpb.Defect(number); DefectName(defect) == name {
			return defect, nil
		}
	}
	return 0, fmt.Errorf("unknown defect %q", name)
}

// DirectionName returns Inbound or Outbound.
func DirectionName(d trafficpb.Direction) string {
	switch d {
	case trafficpb.Direction_DIRECTION_INBOUND:
		return "Inbound"
	case trafficpb.Direction_DIRECTION_OUTBOUND:
		return "Outbound"
	default:
		return "Unspecified"
	}
}

func newMessageJSON(m *trafficpb.Message) *messageJSON {
	if m == nil {
		return nil
	}
	form := &messageJSON{
		BodyLength: m.GetBodyLength(),
		BodySHA256: hex.EncodeToString(m.GetBodySha256()),
		Truncated:  m.GetBodyLength() > int64(len(m.GetBody())),
		FirstByte:  timeText(m.GetFirstByte()),
		LastByte:   timeText(m.GetLastByte()),
		Pieces:     NewPiecesJSON(m.GetPieces()),
	}
	form.StartLine, form.Headers = parseHead(m.GetHead())
	if !bytes.Equal(joinHead(form.StartLine, form.Headers), m.GetHead()) || !utf8.Valid(m.GetHead()) {
		form.HeadBase64 = m.GetHead()
	}
	form.Trailers = parseTrailers(m.GetTrailers())
	if utf8.Valid(m.GetBody()) {
		form.Body = string(m.GetBody())
	} else {
		form.BodyBase64 = m.GetBody()
	}
	return form
}

// parseHead splits a head for reading. A line that is no header has the empty name, so that no line is lost.
func parseHead(head []byte) (startLine string, headers [][2]string) {
	first := true
	for line := range strings.Lines(string(head)) {
		line = strings.TrimRight(line, "\r\n")
		if first {
			startLine, first = line, false
			continue
		}
		if line == "" {
			continue
		}
		name, value, isHeader := strings.Cut(line, ":")
		if !isHeader || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			name, value = "", line
		}
		headers = append(headers, [2]string{name, strings.Trim(value, " \t")})
	}
	return startLine, headers
}

// parseTrailers splits trailers, which have no first line.
func parseTrailers(lines []byte) [][2]string {
	_, fields := parseHead(append([]byte("\n"), lines...))
	return fields
}

// joinTrailers is the inverse of parseTrailers for lines as the recorder writes them.
func joinTrailers(fields [][2]string) []byte {
	var lines []byte
	for _, f := range fields {
		lines = append(append(append(append(lines, f[0]...), ": "...), f[1]...), "\r\n"...)
	}
	return lines
}

// joinHead writes a head in the usual way. It is the inverse of parseHead for a head that is written so.
func joinHead(startLine string, headers [][2]string) []byte {
	if startLine == "" && len(headers) == 0 {
		return nil
	}
	head := append([]byte(startLine), "\r\n"...)
	for _, header := range headers {
		if header[0] != "" {
			head = append(append(head, header[0]...), ": "...)
		}
		head = append(append(head, header[1]...), "\r\n"...)
	}
	return append(head, "\r\n"...)
}

// latencySeconds is absent when there is no response whose end is known.
func latencySeconds(r *trafficpb.Record) *float64 {
	start, end := r.GetRequest().GetFirstByte(), End(r)
	if start == 0 || end == 0 {
		return nil
	}
	seconds := time.Duration(end - start).Seconds()
	return &seconds
}

func timeText(unixNano int64) string {
	if unixNano == 0 {
		return ""
	}
	return time.Unix(0, unixNano).UTC().Format(time.RFC3339Nano)
}
