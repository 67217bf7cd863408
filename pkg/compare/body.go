// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"strings"

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
	var open func(io.Reader) (io.ReadCloser, error)
	switch strings.ToLower(m.Get("Content-Encoding")) {
	case "gzip", "x-gzip":
		open = func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }
	case "deflate":
		open = openDeflate
	default:
		return m.Body
	}
	body, err := decode(m.Body, open)
	if err != nil {
		return m.Body
	}
	return body
}

func decode(body []byte, open func(io.Reader) (io.ReadCloser, error)) ([]byte, error) {
	r, err := open(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, maxDecoded+1))
	if err != nil {
		return nil, err
	}
	if len(out) > maxDecoded {
		return nil, fmt.Errorf("decompressed body is longer than %d bytes", maxDecoded)
	}
	return out, nil
}

// openDeflate reads the zlib format, as the standard has it, or the bare deflate that some servers send.
func openDeflate(r io.Reader) (io.ReadCloser, error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if z, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
		return z, nil
	}
	return flate.NewReader(bytes.NewReader(body)), nil
}

// documents reads both bodies as JSON, or as lists of events whose data may be JSON; it is not ok when one is not JSON, or when neither the content type
// nor the form of both (an object or a list) says that they are.
func documents(recorded, replayed *http1.Message, a, b []byte) (x, y any, ok bool) {
	if sse.IsStream(recorded.Get("Content-Type")) && sse.IsStream(replayed.Get("Content-Type")) {
		return events(a), events(b), true
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
