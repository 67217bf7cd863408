// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package har

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Parse reads an entry. One that this package wrote comes back as it was; of another the workload received the request, and
// the port is, unless it is 0, the one to take in place of that in the URL. The error begins with the field.
func Parse(raw []byte, port uint32) (*trafficpb.Record, error) {
	var e entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, err
	}
	if e.ID == "" {
		return e.foreign(raw, port)
	}
	return e.own()
}

// own returns the record that an entry was written from.
func (e *entry) own() (*trafficpb.Record, error) {
	r := &trafficpb.Record{
		Id: e.ID, Protocol: e.Protocol, Operation: e.Operation, Failure: e.Failure,
		Scheme: e.Scheme, Stream: e.Stream, GrpcStatus: e.GRPCStatus,
		Namespace: e.Namespace, Workload: e.Workload, Pod: e.Pod, PodUid: e.PodUID, Host: e.Host, Port: e.Port,
		PeerAddress: e.PeerAddress, Session: e.Session, Connection: e.Connection, Ordinal: e.Ordinal, EndedBy: e.EndedBy,
		TraceId: e.TraceID, Parent: e.Parent, Redacted: e.Redacted, NotReplayable: e.NotReplayable,
		ProxyInstance: e.ProxyInstance, Sequence: e.Sequence,
	}
	err := traffic.CheckEndedBy(e.EndedBy)
	if err != nil {
		return nil, fmt.Errorf("_%w", err)
	}
	if r.Direction, err = traffic.ParseDirection(e.Direction); err != nil {
		return nil, fmt.Errorf("_direction: %w", err)
	}
	if r.Status, err = e.status(); err != nil {
		return nil, err
	}
	for i, name := range e.Defects {
		defect, err := traffic.ParseDefect(name)
		if err != nil {
			return nil, fmt.Errorf("_defects[%d]: %w", i, err)
		}
		r.Defects = append(r.Defects, defect)
	}
	body, err := e.Request.body()
	if err != nil {
		return nil, fmt.Errorf("request.postData.text: %w", err)
	}
	if r.Request, err = e.Request.message(joinRequestHead(&e.Request), body); err != nil {
		return nil, fmt.Errorf("request.%w", err)
	}
	body, err = decode(e.Response.Content.Text, e.Response.Content.Encoding)
	if err != nil {
		return nil, fmt.Errorf("response.content.text: %w", err)
	}
	if r.Response, err = e.Response.message(joinResponseHead(&e.Response), body); err != nil {
		return nil, fmt.Errorf("response.%w", err)
	}
	return r, nil
}

// message returns the half of an exchange as it was. The error begins with the field.
func (h *half) message(head, body []byte) (*trafficpb.Message, error) {
	if h.Absent {
		return nil, nil
	}
	m := &trafficpb.Message{Head: head, Body: body, BodyLength: max(h.BodyLength, int64(len(body)))}
	if len(h.HeadBase64) > 0 {
		m.Head = h.HeadBase64
	}
	if h.Trailers != "" {
		m.Trailers = []byte(h.Trailers)
	}
	var err error
	if h.BodySHA256 != "" {
		if m.BodySha256, err = hex.DecodeString(h.BodySHA256); err != nil {
			return nil, fmt.Errorf("_bodySHA256: %w", err)
		}
	}
	if m.FirstByte, err = parseTime(h.FirstByte); err != nil {
		return nil, fmt.Errorf("_firstByteTime: %w", err)
	}
	if m.LastByte, err = parseTime(h.LastByte); err != nil {
		return nil, fmt.Errorf("_lastByteTime: %w", err)
	}
	if m.Pieces, err = traffic.ParsePieces(h.Pieces, len(body)); err != nil {
		return nil, fmt.Errorf("_%w", err)
	}
	return m, nil
}

func (e *entry) status() (uint32, error) {
	if e.Response.Status < 0 || e.Response.Status > 999 {
		return 0, fmt.Errorf("response.status: %d is not 0 to 999", e.Response.Status)
	}
	return uint32(e.Response.Status), nil
}

// body returns the body of a request; a form that is told by its fields is written as browsers do.
func (r *request) body() ([]byte, error) {
	if r.PostData == nil {
		return nil, nil
	}
	if r.PostData.Text == "" && len(r.PostData.Params) > 0 {
		fields := make([]string, len(r.PostData.Params))
		for i, p := range r.PostData.Params {
			fields[i] = url.QueryEscape(p.Name) + "=" + url.QueryEscape(p.Value)
		}
		return []byte(strings.Join(fields, "&")), nil
	}
	return decode(r.PostData.Text, r.PostData.Encoding)
}

func decode(text, encoding string) ([]byte, error) {
	switch {
	case text == "":
		return nil, nil
	case encoding == "":
		return []byte(text), nil
	case strings.EqualFold(encoding, encodingB64):
		return base64.StdEncoding.DecodeString(text)
	default:
		return nil, fmt.Errorf("encoding %q is not known; %q is", encoding, encodingB64)
	}
}

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

// sum is the hash that a record keeps of a body.
func sum(body []byte) []byte {
	if len(body) == 0 {
		return nil
	}
	hash := sha256.Sum256(body)
	return bytes.Clone(hash[:])
}
