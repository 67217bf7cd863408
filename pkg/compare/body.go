// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/restage-dev/restage/pkg/protocol/coding"
	"github.com/restage-dev/restage/pkg/protocol/http1"
	"github.com/restage-dev/restage/pkg/protocol/sse"
)

// maxDecoded is the number of bytes that a body may have once decompressed; a larger one is compared as it was sent.
const maxDecoded = 64 << 20

// decoded returns the body without its content coding; a body that cannot be decoded is returned as it is.
func decoded(m *http1.Message) []byte {
	if m.Truncated {
		return m.Body
	}
	body, err := coding.Decode(m.Get("Content-Encoding"), m.Body, maxDecoded)
	if err != nil {
		return m.Body
	}
	return body
}

// documents reads both bodies as JSON, as messages of Protocol Buffers, those of a call of the given type, or as lists of events whose data
// may be JSON; it is not ok when one is not JSON, or when neither the content type nor the form of both (an object or a list) says that they are.
func documents(of protoreflect.MessageDescriptor, recorded, replayed *http1.Message, a, b []byte) (x, y any, ok bool) {
	if sse.IsStream(recorded.Get("Content-Type")) && sse.IsStream(replayed.Get("Content-Type")) {
		return events(a), events(b), true
	}
	if x, y, ok := messages(of, recorded, replayed, a, b); ok {
		return x, y, true
	}
	if !(isJSON(recorded) && isJSON(replayed)) && !(hasStructure(a) && hasStructure(b)) {
		return nil, nil, false
	}
	x, okX := parseJSON(a)
	y, okY := parseJSON(b)
	return x, y, okX && okY
}

// events makes a document of a stream of server-sent events: a list with the type, the id and the data of each.
func events(body []byte) []any {
	list := []any{}
	for _, part := range sse.Events(body) {
		e := sse.Parse(part)
		event := map[string]any{}
		if e.Type != "" {
			event["event"] = e.Type
		}
		if e.ID != "" {
			event["id"] = e.ID
		}
		if data, ok := parseJSON([]byte(e.Data)); ok {
			event["data"] = data
		} else if e.Data != "" {
			event["data"] = e.Data
		}
		if len(event) > 0 { // else a comment that keeps the connection open
			list = append(list, event)
		}
	}
	return list
}

func isJSON(m *http1.Message) bool {
	kind, _, err := mime.ParseMediaType(m.Get("Content-Type"))
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

func hasStructure(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && (body[0] == '{' || body[0] == '[')
}

func parseJSON(body []byte) (any, bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, false
	}
	_, err := decoder.Token()
	return v, err == io.EOF
}
