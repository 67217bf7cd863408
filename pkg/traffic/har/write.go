// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package har

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Writer writes one archive.
type Writer struct {
	out     io.Writer
	entries int
}

// NewWriter begins an archive; the version is that of this program.
func NewWriter(out io.Writer, programVersion string) (*Writer, error) {
	maker, err := json.Marshal(creator{Name: "Restage", Version: programVersion})
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(out, `{"log":{"version":%q,"creator":%s,"entries":[`, version, maker)
	return &Writer{out: out}, err
}

// Write adds a record.
func (w *Writer) Write(record *trafficpb.Record) error {
	var text bytes.Buffer
	if w.entries > 0 {
		text.WriteByte(',')
	}
	text.WriteByte('\n')
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(newEntry(record)); err != nil {
		return fmt.Errorf("writing record %s as HAR: %w", record.GetId(), err)
	}
	w.entries++
	_, err := w.out.Write(bytes.TrimSuffix(text.Bytes(), []byte("\n")))
	return err
}

// Close ends the archive. The token, when there is one, tells how to get what comes after it.
func (w *Writer) Close(continueToken string) error {
	end := "\n]}}\n"
	if continueToken != "" {
		quoted, err := json.Marshal(continueToken)
		if err != nil {
			return err
		}
		end = fmt.Sprintf("\n],\"_continue\":%s}}\n", quoted)
	}
	_, err := io.WriteString(w.out, end)
	return err
}

func newEntry(r *trafficpb.Record) entry {
	e := entry{
		Started: time.Unix(0, traffic.Start(r)).UTC().Format(time.RFC3339Nano),
		Request: newRequest(r), Response: newResponse(r), Timings: newTimings(r),
		ServerIP: serverAddress(r), Connection: r.GetConnection(),
		extra: extra{
			ID: r.GetId(), Direction: traffic.DirectionName(r.GetDirection()), Key: traffic.SliceKey(r),
			Protocol: r.GetProtocol(), Operation: r.GetOperation(), Failure: r.GetFailure(),
			Scheme: r.GetScheme(), Stream: r.GetStream(), GRPCStatus: r.GetGrpcStatus(),
			Namespace: r.GetNamespace(), Workload: r.GetWorkload(), Pod: r.GetPod(), PodUID: r.GetPodUid(),
			Host: r.GetHost(), Port: r.GetPort(), PeerAddress: r.GetPeerAddress(), Session: r.GetSession(), Ordinal: r.GetOrdinal(), EndedBy: r.GetEndedBy(),
			TraceID: r.GetTraceId(), Parent: r.GetParent(), Redacted: r.GetRedacted(), NotReplayable: r.GetNotReplayable(),
			ProxyInstance: r.GetProxyInstance(), Sequence: r.GetSequence(),
		},
	}
	for _, defect := range r.GetDefects() {
		e.Defects = append(e.Defects, traffic.DefectName(defect))
	}
	for _, part := range []float64{e.Timings.Send, e.Timings.Wait, e.Timings.Receive} {
		e.Time += max(part, 0)
	}
	return e
}

func newRequest(r *trafficpb.Record) request {
	m, head := r.GetRequest(), parseHead(r.GetRequest().GetHead())
	out := request{Method: head.first, half: newHalf(m, head, head.third)}
	out.URL, out.Target = urlOf(r, head)
	out.QueryString = queryOf(out.URL)
	if len(m.GetBody()) > 0 {
		text, encoding := textOf(m.GetBody())
		out.PostData = &postData{MimeType: head.get("Content-Type"), Text: text, Encoding: encoding}
	}
	if !bytes.Equal(joinRequestHead(&out), m.GetHead()) || !utf8.Valid(m.GetHead()) {
		out.HeadBase64 = m.GetHead()
	}
	return out
}

func newResponse(r *trafficpb.Record) response {
	m, head := r.GetResponse(), parseHead(r.GetResponse().GetHead())
	out := response{
		Status: int64(r.GetStatus()), StatusText: head.third, half: newHalf(m, head, head.first), RedirectURL: head.get("Location"),
		Content: content{Size: int64(len(m.GetBody())), MimeType: head.get("Content-Type")},
	}
	out.Content.Text, out.Content.Encoding = textOf(m.GetBody())
	if !bytes.Equal(joinResponseHead(&out), m.GetHead()) || !utf8.Valid(m.GetHead()) {
		out.HeadBase64 = m.GetHead()
	}
	return out
}

func newHalf(m *trafficpb.Message, head head, httpVersion string) half {
	h := half{
		HTTPVersion: httpVersion, Cookies: []pair{}, Headers: head.headers, HeadersSize: int64(len(m.GetHead())), BodySize: int64(len(m.GetBody())),
		exact: exact{
			Absent: m == nil, BodySHA256: hex.EncodeToString(m.GetBodySha256()), Trailers: string(m.GetTrailers()),
			FirstByte: timeText(m.GetFirstByte()), LastByte: timeText(m.GetLastByte()), Pieces: traffic.NewPiecesJSON(m.GetPieces()),
		},
	}
	if m.GetBodyLength() != int64(len(m.GetBody())) {
		h.BodyLength = m.GetBodyLength()
	}
	return h
}

// newTimings counts from the first byte of the request. Where a response begins before its request has ended, sending and
// waiting are one.
func newTimings(r *trafficpb.Record) timings {
	out := timings{Send: -1, Wait: -1, Receive: -1}
	q, a := r.GetRequest(), r.GetResponse()
	if q.GetFirstByte() != 0 && q.GetLastByte() != 0 {
		out.Send = milliseconds(q.GetLastByte() - q.GetFirstByte())
	}
	if q.GetLastByte() != 0 && a.GetFirstByte() != 0 {
		out.Wait = milliseconds(max(a.GetFirstByte()-q.GetLastByte(), 0))
	}
	if a.GetFirstByte() != 0 && a.GetLastByte() != 0 {
		out.Receive = milliseconds(a.GetLastByte() - a.GetFirstByte())
	}
	return out
}

func milliseconds(nanoseconds int64) float64 {
	return float64(max(nanoseconds, 0)) / float64(time.Millisecond)
}

// textOf returns a body as text, in base64 when it is none.
func textOf(body []byte) (text, encoding string) {
	if utf8.Valid(body) {
		return string(body), ""
	}
	return base64.StdEncoding.EncodeToString(body), encodingB64
}

func timeText(unixNano int64) string {
	if unixNano == 0 {
		return ""
	}
	return time.Unix(0, unixNano).UTC().Format(time.RFC3339Nano)
}
