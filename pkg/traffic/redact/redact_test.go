// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

var token = regexp.MustCompile(`restage-[0-9a-f]{16}`)

func redactHead(r *Redactor, head []byte) ([]byte, []string) {
	return (&pass{Redactor: r}).head(head, nil)
}

func TestHead(t *testing.T) {
	r := New([]byte("0123456789abcdef"))
	for _, c := range []struct{ line, want string }{
		{"Authorization: Bearer s3cret", "Authorization: Bearer TOKEN"},
		{"AUTHORIZATION:basic  s3cret", "AUTHORIZATION:basic TOKEN"},
		{"authorization: s3cret s3cret", "authorization: TOKEN"},
		{"Proxy-Authorization: Digest a=s3cret, b=2", "Proxy-Authorization: Digest TOKEN"},
		{"Cookie: a=s3cret; b=s3cret==; s3cret; c=", "Cookie: a=TOKEN; b=TOKEN; TOKEN; c="},
		{"set-cookie:  sid=s3cret; Path=/; HttpOnly ", "set-cookie:  sid=TOKEN; Path=/; HttpOnly "},
		{"X-Api-Key:\ts3cret", "X-Api-Key:\tTOKEN"},
		{"x-auth-token: s3cret", "x-auth-token: TOKEN"},
		{"X-Auth-Token:", "X-Auth-Token:"},
		{"X-Other: kept", "X-Other: kept"},
		{"Accept: authorization: kept", "Accept: authorization: kept"},
	} {
		head := "GET /a HTTP/1.1\r\nHost: b\r\n" + c.line + "\r\n\r\n"
		got, _ := redactHead(r, []byte(head))
		want := "GET /a HTTP/1.1\r\nHost: b\r\n" + c.want + "\r\n\r\n"
		if diff := cmp.Diff(want, token.ReplaceAllString(string(got), "TOKEN")); diff != "" {
			t.Error(diff)
		}
		if strings.Contains(string(got), "s3cret") {
			t.Errorf("%q still has the secret", got)
		}
	}
}

func TestRecord(t *testing.T) {
	r := New([]byte("0123456789abcdef"))
	record := &trafficpb.Record{
		Request:  &trafficpb.Message{Head: []byte("GET / HTTP/1.1\r\nCookie: a=1\r\nCookie: a=2\r\nX-API-KEY: k\r\n\r\n")},
		Response: &trafficpb.Message{Head: []byte("HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\n\r\n")},
	}
	r.Record(record)
	if diff := cmp.Diff([]string{"request.header.cookie", "request.header.x-api-key", "response.header.set-cookie"}, record.GetRedacted()); diff != "" {
		t.Error(diff)
	}
	asked, set := token.FindAllString(string(record.GetRequest().GetHead()), -1), token.FindString(string(record.GetResponse().GetHead()))
	if len(asked) != 3 || asked[0] == asked[1] || asked[0] != set {
		t.Errorf("tokens %v and %v: the same value must give the same token, and only that", asked, set)
	}
	if New([]byte("another key of 32 bytes")).Token([]byte("1")) == set {
		t.Error("the token does not depend upon the key")
	}
}

// TestLongestName fails when a name is added that would be cut before it is compared.
func TestLongestName(t *testing.T) {
	for name := range secretHeaders {
		if len(name) > longestName || name != strings.ToLower(name) {
			t.Errorf("%q is never found", name)
		}
	}
}

func TestFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := FromFile(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for size, ok := range map[int]bool{0: false, 15: false, 16: true, 4096: true, 4097: false} {
		if err := os.WriteFile(path, bytes.Repeat([]byte("k"), size), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := FromFile(path); (err == nil) != ok {
			t.Errorf("key of %d bytes: %v", size, err)
		}
	}
}

func FuzzHead(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nCookie: a=1; b\r\nAuthorization: Basic x\r\n\r\n"))
	f.Add([]byte("x-api-key:\n:\nset-cookie: ;;="))
	r := New([]byte("0123456789abcdef"))
	f.Fuzz(func(t *testing.T, head []byte) {
		before := slices.Clone(head)
		out, names := redactHead(r, head)
		if !bytes.Equal(before, head) {
			t.Error("the input was changed")
		}
		if len(names) == 0 && !bytes.Equal(out, head) {
			t.Errorf("%q became %q, but nothing is named", head, out)
		}
		if bytes.Count(out, []byte("\n")) != bytes.Count(head, []byte("\n")) {
			t.Errorf("%q became %q, with other lines", head, out)
		}
	})
}

func BenchmarkHead(b *testing.B) {
	r := NewRandom()
	head := []byte("POST /api/orders HTTP/1.1\r\nHost: orders.shop.svc:9898\r\nUser-Agent: checkout/1.4\r\nAccept: application/json\r\n" +
		"Content-Type: application/json\r\nAuthorization: Bearer abcdefghijklmnopqrstuvwxyz\r\nContent-Length: 1024\r\n\r\n")
	b.ReportAllocs()
	p := &pass{Redactor: r}
	for b.Loop() {
		p.head(head, nil)
	}
}
