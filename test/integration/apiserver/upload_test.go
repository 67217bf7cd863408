// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	restageapiserver "github.com/restage-dev/restage/pkg/apiserver"
	"github.com/restage-dev/restage/pkg/apiserver/testserver"
	"github.com/restage-dev/restage/pkg/traffic/har"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// createUpload makes a snapshot that waits for its content and returns the path of that.
func createUpload(t *testing.T, name string) string {
	t.Helper()
	snapshot := newSnapshot(name)
	snapshot.Spec.Last, snapshot.Spec.Upload = nil, &v1alpha1.SnapshotUpload{}
	c := client().TrafficSnapshots(namespace)
	if _, err := c.Create(t.Context(), snapshot, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	deleteLater(t, name, c.Delete)
	return base + "/trafficsnapshots/" + name + "/upload"
}

// takeUpload does what the controller does when an upload is complete.
func takeUpload(t *testing.T, name string) {
	t.Helper()
	_, err := trafficpb.NewSnapshotsClient(forwarder.DialUser(t, "controller")).BuildUpload(t.Context(), &trafficpb.BuildUploadRequest{
		Snapshot: snapshotRef(t, name), Workload: "front", RedactionKey: make([]byte, 32),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// send sends a request with headers in pairs and returns the answer and its body.
func send(t *testing.T, method, path string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	return requestOf(t, server.Config, method, path, body, headers...)
}

// requestOf is request to another server.
func requestOf(t *testing.T, config *rest.Config, method, path string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, config.Host+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func expectAnswer(t *testing.T, response *http.Response, body string, code int, message string, headers ...string) {
	t.Helper()
	if response == nil || response.StatusCode != code || !strings.Contains(body, message) {
		t.Fatalf("%+v, want %d with %q: %s", response, code, message, body)
	}
	for pair := range slices.Chunk(headers, 2) {
		if got := response.Header.Get(pair[0]); got != pair[1] {
			t.Errorf("%s is %q, want %q", pair[0], got, pair[1])
		}
	}
}

func content(t *testing.T, path, accept string) []byte {
	t.Helper()
	body, err := io.ReadAll(get(t, path, accept).Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// What records prints can be uploaded as it is, and is the same then.
func TestUploadOfWhatWasRead(t *testing.T) {
	cutSnapshot(t, "original", recording(10, 300, 100))
	original, _ := readPage(t, "/trafficsnapshots/original/records", "")
	for i, test := range []struct{ method, accept, contentType string }{
		{http.MethodPost, ndjson, ndjson}, {http.MethodPut, har.MediaType, har.MediaType},
		{http.MethodPost, har.MediaType, "application/json"}, {http.MethodPut, ndjson, "application/json"}, // as kubectl does
	} {
		name := fmt.Sprint("copy-", i)
		path := createUpload(t, name)
		data := content(t, base+"/trafficsnapshots/original/records", test.accept)
		response, body := send(t, test.method, path, bytes.NewReader(data), "Content-Type", test.contentType)
		expectAnswer(t, response, body, http.StatusOK, fmt.Sprintf("the upload of %d bytes is complete", len(data)),
			"Upload-Offset", strconv.Itoa(len(data)), "Upload-Complete", "?1")
		takeUpload(t, name)
		records, _ := readPage(t, "/trafficsnapshots/"+name+"/records", "")
		if !slices.EqualFunc(original, records, func(a, b *trafficpb.Record) bool { return proto.Equal(a, b) }) {
			t.Errorf("%+v: the copy is another one", test)
		}
		response, body = send(t, http.MethodPost, path, bytes.NewReader(data), "Content-Type", ndjson)
		expectAnswer(t, response, body, http.StatusConflict, "the snapshot has its content already")
	}
}

// failing is a body that breaks off after what it holds.
type failing struct{ io.Reader }

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("the client is gone")
	}
	return n, err
}

func TestUploadIsResumed(t *testing.T) {
	cutSnapshot(t, "whole", recording(11, 2000, 1000))
	data := content(t, base+"/trafficsnapshots/whole/records?limit=10000", "")
	path := createUpload(t, "resumed")
	response, _ := send(t, http.MethodHead, path, nil)
	expectAnswer(t, response, "", http.StatusOK, "", "Upload-Offset", "0", "Upload-Complete", "?0", "Cache-Control", "no-store")
	response, body := send(t, http.MethodPost, path, bytes.NewReader(data[:1000]), "Upload-Complete", "?0", "Upload-Length", strconv.Itoa(len(data)))
	expectAnswer(t, response, body, http.StatusOK, "1000 bytes have come; the upload is not complete",
		"Upload-Offset", "1000", "Upload-Complete", "?0", "Upload-Limit", "max-size=268435456")

	response, body = send(t, http.MethodPatch, path, bytes.NewReader(data[500:]), "Upload-Offset", "500", "Upload-Complete", "?1", "Content-Type", "application/partial-upload")
	expectAnswer(t, response, body, http.StatusConflict, "offset: 500 is not where the upload goes on, 1000", "Upload-Offset", "1000")

	// The client goes away in the middle, asks how far it got, and goes on from there.
	send(t, http.MethodPatch, path, failing{bytes.NewReader(data[1000 : 1<<20])}, "Upload-Offset", "1000", "Upload-Complete", "?1")
	offset := resume(t, path, data)
	if offset < 1000 || offset > 1<<20 {
		t.Errorf("it went on from %d", offset)
	}
	takeUpload(t, "resumed")
	if got, _ := readAll(t, "/trafficsnapshots/resumed/records?limit=10000", ""); len(got) != 2000 {
		t.Errorf("%d records", len(got))
	}
}

// resume sends the rest of the data until the upload is complete, and returns where the rest began.
func resume(t *testing.T, path string, data []byte) int {
	t.Helper()
	for range 1000 {
		response, _ := send(t, http.MethodHead, path, nil)
		offset, err := strconv.Atoi(response.Header.Get("Upload-Offset"))
		if err != nil {
			t.Fatal(err)
		}
		response, body := send(t, http.MethodPatch, path, bytes.NewReader(data[offset:]), "Upload-Offset", strconv.Itoa(offset), "Upload-Complete", "?1")
		switch {
		case response.StatusCode == http.StatusOK:
			return offset
		case response.StatusCode != http.StatusConflict: // the request that broke off may still be at work
			t.Fatalf("%s: %s", response.Status, body)
		}
	}
	t.Fatal("the upload does not go on")
	return 0
}

// A client that is too slow is told how far it got before the server, or kube-apiserver, would cut it off.
func TestSlowUploadIsStopped(t *testing.T) {
	o := restageapiserver.NewOptions()
	o.ServerRun.RequestTimeout = 6 * time.Second
	second, err := testserver.StartWith(t.Context(), o,
		forwarder.DialUser(t, "second"), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, deployment("front", "app"))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Stop()
	snapshot := newSnapshot("slow")
	snapshot.Spec.Last, snapshot.Spec.Upload = nil, &v1alpha1.SnapshotUpload{}
	if _, err := second.Client.ReplayV1alpha1().TrafficSnapshots(namespace).Create(t.Context(), snapshot, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	body, writer := io.Pipe()
	defer writer.Close()
	go func() { _, _ = writer.Write(make([]byte, 1000)) }() // and no more
	response, text := requestOf(t, second.Config, http.MethodPost, base+"/trafficsnapshots/slow/upload", body)
	expectAnswer(t, response, text, http.StatusGatewayTimeout, "the body broke off", "Upload-Offset", "1000", "Upload-Complete", "?0")
}

func TestBadUploadsAreRefused(t *testing.T) {
	path := createUpload(t, "bad")
	for name, test := range map[string]struct {
		method, body string
		headers      []string
		code         int
		want         string
	}{
		"no record":      {http.MethodPost, "{}", nil, http.StatusBadRequest, `line 1: direction: \"\" must be Inbound or Outbound`},
		"bad line":       {http.MethodPut, "\n\n{", nil, http.StatusBadRequest, "line 3: unexpected EOF"},
		"media type":     {http.MethodPost, "x=1", []string{"Content-Type", "application/x-www-form-urlencoded"}, http.StatusUnsupportedMediaType, `supported are application/x-ndjson, application/har+json`},
		"bad offset":     {http.MethodPatch, "", []string{"Upload-Offset", "-1"}, http.StatusBadRequest, `Upload-Offset: \"-1\" must be a whole number`},
		"no offset":      {http.MethodPatch, "", nil, http.StatusBadRequest, "Upload-Offset: PATCH needs it"},
		"offset of POST": {http.MethodPost, "", []string{"Upload-Offset", "5"}, http.StatusBadRequest, "Upload-Offset: POST begins from the start"},
		"bad complete":   {http.MethodPost, "", []string{"Upload-Complete", "true"}, http.StatusBadRequest, `Upload-Complete: \"true\" must be ?1 or ?0`},
		"too large":      {http.MethodPost, "", []string{"Upload-Length", "268435457"}, http.StatusRequestEntityTooLarge, "larger than 256 MiB"},
		"wrong length":   {http.MethodPost, "abc", []string{"Upload-Length", "4"}, http.StatusBadRequest, "length: the upload ends after 3 bytes of 4"},
	} {
		t.Run(name, func(t *testing.T) {
			response, body := send(t, test.method, path, strings.NewReader(test.body), test.headers...)
			expectAnswer(t, response, body, test.code, test.want)
		})
	}
	response, body := send(t, http.MethodPost, path+"?dryRun=All", strings.NewReader(""))
	expectAnswer(t, response, body, http.StatusBadRequest, "dryRun is not supported")
	createSnapshot(t, "cut")
	response, body = send(t, http.MethodPost, base+"/trafficsnapshots/cut/upload", strings.NewReader(""))
	expectAnswer(t, response, body, http.StatusBadRequest, `spec.upload: TrafficSnapshot \"cut\" has none`)
	response, body = send(t, http.MethodDelete, path, nil)
	expectAnswer(t, response, body, http.StatusMethodNotAllowed, "")
	expectStatus(t, base+"/trafficsnapshots/bad/records", http.StatusNotFound, "its content is still to be uploaded")
}

func TestUploadsAreAudited(t *testing.T) {
	path := createUpload(t, "watched")
	send(t, http.MethodPost, path, strings.NewReader("{}"), "Upload-Complete", "?0")
	expectAnnotations(t, path, map[string]string{
		"snapshot-uid": snapshotRef(t, "watched").GetUid(), "bytes": "2", "upload-offset": "0", "upload-complete": "false",
	})
}
