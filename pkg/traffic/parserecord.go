// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// UnmarshalRecordJSON is the inverse of MarshalRecordJSON. What derives from other fields (key, startTime, latencySeconds,
// truncated, messages) is not looked at; a field that is not known is an error.
func UnmarshalRecordJSON(line []byte) (*trafficpb.Record, error) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	var form recordJSON
	if err := decoder.Decode(&form); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the record")
	}
	return form.record()
}

func (form *recordJSON) record() (*trafficpb.Record, error) {
	r := &trafficpb.Record{
		Id: form.ID, Protocol: form.Protocol, Operation: form.Operation, Status: form.Status, Failure: form.Failure,
		Namespace: form.Namespace, Workload: form.Workload, Pod: form.Pod, PodUid: form.PodUID,
		Host: form.Host, Port: form.Port, PeerAddress: form.PeerAddress,
		Session: form.Session, Connection: form.Connection, Ordinal: form.Ordinal, Stream: form.Stream, Scheme: form.Scheme, EndedBy: form.EndedBy, TlsUntouched: form.TLSUntouched,
		TraceId: form.TraceID, Parent: form.Parent, Redacted: form.Redacted, NotReplayable: form.NotReplayable,
		ProxyInstance: form.ProxyInstance, Sequence: form.Sequence,
	}
	if err := CheckEndedBy(r.EndedBy); err != nil {
		return nil, err
	}
	if form.GRPCStatus != nil {
		r.GrpcStatus = *form.GRPCStatus
	}
	var err error
	if r.Direction, err = ParseDirection(form.Direction); err != nil {
		return nil, fmt.Errorf("direction: %w", err)
	}
	for i, name := range form.Defects {
		defect, err := ParseDefect(name)
		if err != nil {
			return nil, fmt.Errorf("defects[%d]: %w", i, err)
		}
		r.Defects = append(r.Defects, defect)
	}
	if r.Request, err = form.Request.message(); err != nil {
		return nil, fmt.Errorf("request.%w", err)
	}
	if r.Response, err = form.Response.message(); err != nil {
		return nil, fmt.Errorf("response.%w", err)
	}
	return r, nil
}

// message returns the half of an exchange. The error begins with the field.
func (form *messageJSON) message() (*trafficpb.Message, error) {
	if form == nil {
		return nil, nil
	}
	m := &trafficpb.Message{Head: joinHead(form.StartLine, form.Headers), Trailers: joinTrailers(form.Trailers), BodyLength: form.BodyLength}
	if len(form.HeadBase64) > 0 {
		m.Head = form.HeadBase64
	}
	if form.Body != "" {
		m.Body = []byte(form.Body)
	}
	if len(form.BodyBase64) > 0 {
		m.Body = form.BodyBase64
	}
	if m.BodyLength < int64(len(m.Body)) {
		return nil, fmt.Errorf("bodyLength: %d is less than the body has, %d", m.BodyLength, len(m.Body))
	}
	var err error
	if form.BodySHA256 != "" {
		if m.BodySha256, err = hex.DecodeString(form.BodySHA256); err != nil {
			return nil, fmt.Errorf("bodySHA256: %w", err)
		}
	}
	if m.FirstByte, err = parseTime(form.FirstByte); err != nil {
		return nil, fmt.Errorf("firstByteTime: %w", err)
	}
	if m.LastByte, err = parseTime(form.LastByte); err != nil {
		return nil, fmt.Errorf("lastByteTime: %w", err)
	}
	if m.Pieces, err = ParsePieces(form.Pieces, len(m.Body)); err != nil {
		return nil, err
	}
	return m, nil
}

// ParseDirection reads Inbound or Outbound.
func ParseDirection(name string) (trafficpb.Direction, error) {
	for _, d := range []trafficpb.Direction{trafficpb.Direction_DIRECTION_INBOUND, trafficpb.Direction_DIRECTION_OUTBOUND} {
		if DirectionName(d) == name {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q must be %s or %s", name, DirectionName(trafficpb.Direction_DIRECTION_INBOUND), DirectionName(trafficpb.Direction_DIRECTION_OUTBOUND))
}

// parseTime is the inverse of timeText.
func parseTime(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, err
	}
	return t.UnixNano(), nil
}
