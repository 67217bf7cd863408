// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

const maxResponse = 64 << 20

// request is an HTTP request that no client library would send.
type request struct {
	method, path string // method GET and the collection when empty; a path that begins with / goes below the collection
	query        string
	accept       string
	contentType  string
	body         string
}

// response is what came back.
type response struct {
	code     int
	header   http.Header
	body     []byte
	warnings []string
}

func (c *check) send(t *testing.T, r request) response {
	t.Helper()
	base, _, err := rest.DefaultServerUrlFor(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	target := base.ResolveReference(&url.URL{Path: c.path + r.path, RawQuery: r.query})
	method := r.method
	if method == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(t.Context(), method, target.String(), strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Accept": r.accept, "Content-Type": r.contentType} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	answer, err := c.raw.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxResponse))
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return response{code: answer.StatusCode, header: answer.Header, body: body, warnings: answer.Header.Values("Warning")}
}

// want checks the code and, of a failure, the message.
func (r response) want(t *testing.T, what string, code int, parts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("%s: %d: %.300s, want %d %s", what, r.code, r.body, code, http.StatusText(code))
		return
	}
	for _, part := range parts {
		if !strings.Contains(r.message(), part) {
			t.Errorf("%s: %q lacks %q", what, r.message(), part)
		}
	}
}

// message of a failure, or the whole body.
func (r response) message() string {
	var status metav1.Status
	if json.Unmarshal(r.body, &status) == nil && status.Message != "" {
		return status.Message
	}
	return string(r.body)
}

// decode reads the body as JSON.
func (r response) decode(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(r.body, into); err != nil {
		t.Fatalf("%v: %.300s", err, r.body)
	}
}

// manifest returns the object as JSON.
func manifest(t *testing.T, object any) string {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
