// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// build makes an index of n calls, each answered with its number.
func build(t testing.TB, n int, make func(i int) call) *Index {
	var records []*trafficpb.Record
	for i := range n {
		records = append(records, make(i).record(t, fmt.Sprint(i)))
	}
	return Build(records)
}

func TestVolatileFields(t *testing.T) {
	nonce := func() string { return uuid.NewString() }
	for _, c := range []struct {
		name  string
		call  func(i int) call
		asked call
		want  string
	}{
		{
			"query", func(i int) call { return call{line: fmt.Sprintf("GET /q?user=%d&nonce=%s", i, nonce())} },
			call{line: "GET /q?user=4&nonce=" + nonce()}, "~4",
		},
		{
			"identity stays", func(i int) call { return call{line: fmt.Sprintf("GET /q?user=%d&nonce=%s", i, nonce())} },
			call{line: "GET /q?user=99&nonce=" + nonce()}, "",
		},
		{
			"JSON", func(i int) call {
				return call{line: "POST /j", kind: jsonType, body: fmt.Sprintf(`{"items":[{"id":%q,"n":%d}],"at":%d}`, ulid.Make(), i, recordedAt.UnixMilli()+int64(i))}
			},
			call{line: "POST /j", kind: jsonType, body: fmt.Sprintf(`{"at":%d,"items":[{"n":7,"id":%q}]}`, time.Now().UnixMilli(), ulid.Make())}, "~7",
		},
		{
			"form", func(i int) call {
				return call{line: "POST /f", kind: formType, body: fmt.Sprintf("n=%d&t=%s", i, recordedAt.Add(time.Duration(i)*time.Second).Format("2006-01-02T15:04:05Z"))}
			},
			call{line: "POST /f", kind: formType, body: "n=3&t=2027-01-01T00:00:00Z"}, "~3",
		},
		{
			"a field that repeats is identity", func(i int) call {
				return call{line: "GET /q?order=" + uuid.NewSHA1(uuid.NameSpaceURL, []byte{byte(i % 4)}).String()}
			},
			call{line: "GET /q?order=" + nonce()}, "",
		},
		{
			"a plain number is identity", func(i int) call { return call{line: fmt.Sprintf("GET /q?id=%d", 1000+i)} },
			call{line: "GET /q?id=5"}, "",
		},
		{
			"learned over paths, matched on the path", func(i int) call { return call{line: fmt.Sprintf("GET /orders/%d?nonce=%s", i, nonce())} },
			call{line: "GET /orders/6?nonce=" + nonce()}, "~6",
		},
		{
			"another path never matches", func(i int) call { return call{line: fmt.Sprintf("GET /orders/%d?nonce=%s", i, nonce())} },
			call{line: "GET /orders/77?nonce=" + nonce()}, "",
		},
		{
			"another method never matches", func(int) call { return call{line: "GET /q?nonce=" + nonce()} },
			call{line: "POST /q?nonce=" + nonce()}, "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := answer(t, build(t, 10, c.call), c.asked); got != c.want {
				t.Errorf("answer %q, want %q", got, c.want)
			}
		})
	}
}

func TestFewRecordsTeachNothing(t *testing.T) {
	x := build(t, leastRecords-1, func(int) call { return call{line: "GET /q?nonce=" + uuid.NewString()} })
	if got := answer(t, x, call{line: "GET /q?nonce=" + uuid.NewString()}); got != "" {
		t.Errorf("answer %q", got)
	}
}

func TestExactGoesBeforeDenoised(t *testing.T) {
	nonces := make([]string, 6)
	x := build(t, 6, func(i int) call {
		nonces[i] = uuid.NewString()
		return call{line: "GET /q?nonce=" + nonces[i]}
	})
	if got := answer(t, x, call{line: "GET /q?nonce=" + nonces[4]}); got != "4" {
		t.Errorf("a recorded nonce: answer %q", got)
	}
	for i := range 7 { // the sequence without the nonce has its own cursor
		if got, want := answer(t, x, call{line: "GET /q?nonce=" + uuid.NewString()}), fmt.Sprint("~", min(i, 5)); got != want {
			t.Errorf("call %d: answer %q, want %q", i, got, want)
		}
	}
}

func TestLooksVolatile(t *testing.T) {
	at := recordedAt
	for value, want := range map[string]bool{
		"f47ac10b-58cc-4372-a567-0e02b2c3d479": true,
		"01ARZ3NDEKTSV4RRFFQ69G5FAV":           true,
		"2026-03-01T12:00:00.123Z":             true,
		"2026-03-01 12:00:00":                  true,
		"Sun, 01 Mar 2026 12:00:00 GMT":        true,
		fmt.Sprint(at.Unix()):                  true,
		fmt.Sprint(at.UnixMilli()):             true,
		fmt.Sprint(at.UnixMicro()):             true,
		fmt.Sprint(at.UnixNano()):              true,
		fmt.Sprint(at.Unix(), ".25"):           true,
		"0af7651916cd43dd8448eb211c80319c":     true,
		"q83vEjRWeJCrze8SNFZ4kA==":             true,
		"1234567890":                           false, // 2009
		"12345":                                false,
		"internationalization":                 false,
		"report-2026-quarter-1":                false,
		"deadbeef":                             false,
		"alice@example.com":                    false,
		"":                                     false,
	} {
		if got := isVolatile(jsonString, []byte(value), at); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	if !isVolatile(jsonNumber, normalNumber(fmt.Appendf(nil, "%d.5", at.Unix())), at) {
		t.Error("seconds with a fraction are not a time")
	}
	if isVolatile(jsonLiteral, []byte("true"), at) {
		t.Error("true is volatile")
	}
}

func TestIdentifiers(t *testing.T) {
	for segment, want := range map[string]bool{
		"7": true, "f47ac10b-58cc-4372-a567-0e02b2c3d479": true, "0af7651916cd43dd": true, "orders": false, "": false, "v1": false, "cafe": false,
	} {
		if isIdentifier(segment) != want {
			t.Errorf("%q: %v", segment, !want)
		}
	}
}
