// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package har writes records as HAR 1.2, the archive format of browsers and load tools, and reads it. What the format has no
// place for is in fields that begin with an underscore, as it prescribes; with them a record comes back as it was.
package har

import "github.com/restage-dev/restage/pkg/traffic"

// MediaType is the media type of a HAR.
const MediaType = "application/har+json"

const (
	version     = "1.2"
	encodingB64 = "base64"
	http11      = "HTTP/1.1"
)

// creator is the program that wrote an archive.
type creator struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// entry is one exchange.
type entry struct {
	Started string `json:"startedDateTime"` // RFC 3339
	// Time is the sum of the timings, in milliseconds as they are.
	Time       float64  `json:"time"`
	Request    request  `json:"request"`
	Response   response `json:"response"`
	Cache      struct{} `json:"cache"`
	Timings    timings  `json:"timings"`
	ServerIP   string   `json:"serverIPAddress,omitempty"`
	Connection string   `json:"connection,omitempty"`
	extra
}

// extra is what a record has and the format has not. An entry without an ID is not one of ours.
type extra struct {
	ID            string   `json:"_id,omitempty"`
	Direction     string   `json:"_direction,omitempty"`
	Key           string   `json:"_key,omitempty"` // derives from the rest
	Protocol      string   `json:"_protocol,omitempty"`
	Operation     string   `json:"_operation,omitempty"`
	Scheme        string   `json:"_scheme,omitempty"`
	Stream        uint32   `json:"_stream,omitempty"`
	GRPCStatus    uint32   `json:"_grpcStatus,omitempty"` // of grpc; absent for OK
	Failure       string   `json:"_failure,omitempty"`
	Namespace     string   `json:"_namespace,omitempty"`
	Workload      string   `json:"_workload,omitempty"`
	Pod           string   `json:"_pod,omitempty"`
	PodUID        string   `json:"_podUID,omitempty"`
	Host          string   `json:"_host,omitempty"`
	Port          uint32   `json:"_port,omitempty"`
	PeerAddress   string   `json:"_peerAddress,omitempty"`
	Session       string   `json:"_session,omitempty"`
	Ordinal       uint64   `json:"_ordinal,omitempty"`
	EndedBy       string   `json:"_endedBy,omitempty"` // client or server
	TraceID       string   `json:"_traceID,omitempty"`
	Parent        string   `json:"_parent,omitempty"`
	Defects       []string `json:"_defects,omitempty"`
	Redacted      []string `json:"_redacted,omitempty"`
	NotReplayable bool     `json:"_notReplayable,omitempty"`
	ProxyInstance string   `json:"_proxyInstance,omitempty"`
	Sequence      uint64   `json:"_sequence,omitempty"`
}

// timings are in milliseconds; -1 is what does not apply.
type timings struct {
	Send    float64 `json:"send"`
	Wait    float64 `json:"wait"`
	Receive float64 `json:"receive"`
	// What browsers measure before they send.
	Blocked float64 `json:"blocked,omitempty"`
	DNS     float64 `json:"dns,omitempty"`
	Connect float64 `json:"connect,omitempty"`
}

type pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// half holds what both halves of an exchange have.
type half struct {
	HTTPVersion string `json:"httpVersion"`
	Cookies     []pair `json:"cookies"`
	Headers     []pair `json:"headers"`
	HeadersSize int64  `json:"headersSize"` // -1: not known
	BodySize    int64  `json:"bodySize"`    // -1: not known
	exact
}

// exact is what makes a message come back as it was. The times are RFC 3339 with nanoseconds.
type exact struct {
	// Absent is true when there was no such message.
	Absent bool `json:"_absent,omitempty"`
	// HeadBase64 is the raw head when it cannot be told from the other fields.
	HeadBase64 []byte `json:"_headBase64,omitempty"`
	// BodyLength is that of the whole body when it was cut.
	BodyLength int64  `json:"_bodyLength,omitempty"`
	BodySHA256 string `json:"_bodySHA256,omitempty"`
	Trailers   string `json:"_trailers,omitempty"` // lines of the fields after the body
	FirstByte  string `json:"_firstByteTime,omitempty"`
	LastByte   string `json:"_lastByteTime,omitempty"`
	// Pieces are the parts of a body that came as a stream.
	Pieces []traffic.PieceJSON `json:"_pieces,omitempty"`
}

type request struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	half
	QueryString []pair    `json:"queryString"`
	PostData    *postData `json:"postData,omitempty"`
	// Target is the target of the first line when the URL has another one.
	Target string `json:"_target,omitempty"`
}

type postData struct {
	MimeType string `json:"mimeType"`
	Text     string `json:"text"`
	Params   []pair `json:"params,omitempty"`
	// Encoding is base64 when the text is not the body as it is. The format knows that for responses only.
	Encoding string `json:"_encoding,omitempty"`
}

type response struct {
	Status     int64  `json:"status"` // 0: there was none
	StatusText string `json:"statusText"`
	half
	Content     content `json:"content"`
	RedirectURL string  `json:"redirectURL"`
}

type content struct {
	Size     int64  `json:"size"`
	MimeType string `json:"mimeType"`
	Text     string `json:"text,omitempty"`
	Encoding string `json:"encoding,omitempty"`
}
