// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"slices"
	"strconv"

	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/opaque"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// isHTTP tells whether the records of a protocol are exchanges with heads, which are matched alike in all versions of HTTP.
func isHTTP(protocol string) bool {
	return protocol == traffic.ProtocolHTTP1 || protocol == traffic.ProtocolHTTP2 || protocol == traffic.ProtocolGRPC
}

// unplayable says why a record cannot answer a call, "" when it can.
func unplayable(r *trafficpb.Record) string {
	switch {
	case !isHTTP(r.GetProtocol()) && r.GetProtocol() != traffic.ProtocolOpaque && r.GetProtocol() != traffic.ProtocolWebSocket:
		return "it is of protocol " + strconv.Quote(r.GetProtocol()) + ", which is not played"
	case hasDefect(r, trafficpb.Defect_DEFECT_TEE_OVERFLOW):
		return "bytes of it were not recorded because the recorder could not keep up"
	case hasDefect(r, trafficpb.Defect_DEFECT_PARSE_ERROR):
		return "its bytes were not understood"
	case r.GetFailure() != "":
		return "" // played as the failure
	case hasDefect(r, trafficpb.Defect_DEFECT_RESPONSE_TRUNCATED):
		return "its response was longer than the recorder keeps"
	case r.GetProtocol() == traffic.ProtocolOpaque || r.GetProtocol() == traffic.ProtocolWebSocket:
		return unplayableStream(r)
	case hasDefect(r, trafficpb.Defect_DEFECT_CUT_OFF):
		return "its response was cut off"
	}
	return unplayableResponse(r)
}

// unplayableStream lets connections be played that were still open when the recording of them ended: up to there they are whole.
func unplayableStream(r *trafficpb.Record) string {
	switch {
	case hasDefect(r, trafficpb.Defect_DEFECT_REQUEST_TRUNCATED):
		return "its request was longer than the recorder keeps"
	case hasDefect(r, trafficpb.Defect_DEFECT_CUT_OFF) && !opaque.HasTurns(r):
		return "its response was cut off"
	case opaque.IsAmbiguous(r):
		return "it was recorded before the turns of conversations were kept"
	}
	return ""
}

func unplayableResponse(r *trafficpb.Record) string {
	switch head := r.GetResponse().GetHead(); {
	case len(head) == 0:
		return "its response was cut off"
	default:
		response, err := http1.ParseHead(head)
		if err != nil || response.Status == 0 {
			return "its response was not understood"
		}
		request, err := http1.ParseHead(r.GetRequest().GetHead())
		if err == nil && request.Method == "CONNECT" && response.Status/100 == 2 {
			return "it opens a tunnel, which is not played"
		}
	}
	return ""
}

func hasDefect(r *trafficpb.Record, d trafficpb.Defect) bool {
	return slices.Contains(r.GetDefects(), d)
}
