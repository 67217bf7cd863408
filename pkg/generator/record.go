// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"slices"
	"strings"

	"github.com/restage-dev/restage/pkg/protocol/clienthello"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/opaque"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// isHTTP2 tells whether the requests of a record's connection are streams of HTTP/2.
func isHTTP2(r *trafficpb.Record) bool {
	return r.GetProtocol() == traffic.ProtocolHTTP2 || r.GetProtocol() == traffic.ProtocolGRPC
}

// obstacle says why a record cannot be replayed, "" when it can.
func obstacle(r *trafficpb.Record) string {
	if !isStream(r) && r.GetProtocol() != traffic.ProtocolHTTP1 && !isHTTP2(r) {
		return "protocol " + r.GetProtocol()
	}
	if r.GetNotReplayable() {
		return "outbound calls that it made may be lost"
	}
	for _, defect := range r.GetDefects() {
		if defect == trafficpb.Defect_DEFECT_CUT_OFF && unanswered(r) && requestWhole(r) {
			continue // the lack of an answer is what the recording shows
		}
		if defect == trafficpb.Defect_DEFECT_CUT_OFF && isStream(r) {
			continue // it was still open, and is whole up to there
		}
		return "incomplete: " + strings.ToLower(strings.TrimPrefix(defect.String(), "DEFECT_"))
	}
	if isStream(r) {
		return obstacleOfStream(r)
	}
	if m, err := http1.ParseHead(r.GetRequest().GetHead()); err != nil || m.Method == "" {
		return "malformed request"
	}
	if unanswered(r) {
		return ""
	}
	if m, err := http1.ParseHead(r.GetResponse().GetHead()); err != nil || m.Status == 0 {
		return "malformed response"
	}
	return ""
}

// isStream tells of a record that is no exchange, but what both sides said on a connection.
func isStream(r *trafficpb.Record) bool {
	return r.GetProtocol() == traffic.ProtocolWebSocket || r.GetProtocol() == traffic.ProtocolOpaque
}

func obstacleOfStream(r *trafficpb.Record) string {
	switch {
	case unanswered(r):
		return "the workload ended it with " + r.GetFailure()
	case r.GetProtocol() == traffic.ProtocolWebSocket:
	case r.GetOrdinal() > 0:
		return "bytes that follow another protocol"
	case isTLS(r.GetRequest().GetBody()):
		return "TLS that was not read"
	case opaque.IsAmbiguous(r):
		return "it does not say who spoke when"
	}
	return ""
}

// isTLS tells of what begins as a client of TLS does: a connection with other keys cannot be made of it.
func isTLS(sent []byte) bool {
	_, verdict := clienthello.Read(sent)
	return verdict == clienthello.Yes
}

// unanswered tells of a request that got no whole response from the workload in the recording.
func unanswered(r *trafficpb.Record) bool { return r.GetFailure() != "" }

// requestWhole tells whether a request has the body that its head promises, when that can be told.
func requestWhole(r *trafficpb.Record) bool {
	m, err := http1.ParseHead(r.GetRequest().GetHead())
	if err != nil || m.Get("Transfer-Encoding") != "" {
		return false
	}
	whole := http1.AppendMessage(nil, m.Head, r.GetRequest().GetBody())
	return slices.Equal(whole[:min(len(m.Head), len(whole))], m.Head)
}

// recordedResponse is the response of a record that obstacle found none in.
func recordedResponse(r *trafficpb.Record) *http1.Message {
	switch r.GetProtocol() {
	case traffic.ProtocolWebSocket:
		return recordedMessages(r)
	case traffic.ProtocolOpaque:
		return recordedTurns(r)
	}
	m, err := http1.ParseHead(r.GetResponse().GetHead())
	if err != nil {
		return &http1.Message{Status: int(r.GetStatus())}
	}
	m.Body = r.GetResponse().GetBody()
	m.BodyLength = r.GetResponse().GetBodyLength()
	m.BodySHA256 = r.GetResponse().GetBodySha256()
	m.Trailers, _ = http1.ParseFields(r.GetResponse().GetTrailers()) // those that cannot be read are not compared
	return m
}
