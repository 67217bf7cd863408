// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restage-dev/restage/pkg/wiring"
)

func TestDisabledDetectorsAndRules(t *testing.T) {
	p := newPass(t, wiring.RedactionSettings{
		DisabledDetectors: []string{ClassEmail, ClassSecretField},
		Rules:             []wiring.RedactionRule{{Name: "order", Regexp: `order-([0-9]{3})`}, {Name: "customer", Header: "X-Customer"}},
	})
	head := "GET /order-123/a@b.io?password=x&o=order-456 HTTP/1.1\r\nX-CUSTOMER: bob\r\nx-other: order-789\r\n\r\n"
	got, names := p.head([]byte(head), nil)
	if diff := cmp.Diff("GET /order-TOKEN/a@b.io?password=x&o=order-TOKEN HTTP/1.1\r\nX-CUSTOMER: TOKEN\r\nx-other: order-TOKEN\r\n\r\n", plain(got)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"path", "query", "header.x-customer", "header.x-other"}, names); diff != "" {
		t.Error(diff)
	}
}

// What only begins like JSON is text: detectors and rules see what stands outside of strings.
func TestTextsLikeJSON(t *testing.T) {
	settings := wiring.RedactionSettings{Rules: []wiring.RedactionRule{{Name: "user", Regexp: `\[user (\w+)\]`}}}
	for text, want := range map[string]string{
		"[warn] login of bob@example.com":               "[warn] login of TOKEN@MAIL",
		"[user ada] a 2, b":                             "[user TOKEN] a 2, b",
		`"x" said bob@example.com, "a" as ` + jwt + ` `: `"x" said TOKEN@MAIL, "a" as TOKEN `,
		`{login of "bob@example.com"}`:                  `{login of "TOKEN@MAIL"}`,
		`{"password":hunter2 , "n":tru`:                 `{"password":TOKEN , "n":tru`,
		`{"pin": null, "password" :true,"a":[false]}`:   `{"pin": null, "password" :true,"a":[false]}`,
		`{"password":"x","y" "z"}`:                      `{"password":"TOKEN","y" "z"}`,
		`["[user ada]"]`:                                `["[user TOKEN]"]`,
		`["[user ada]`:                                  `["[user TOKEN]`,
	} {
		for _, kind := range []string{"text/plain", "text/event-stream"} {
			got, _ := newPass(t, settings).content([]byte(kind), nil, []byte(text), false)
			if plain(got) != want {
				t.Errorf("%s %s became %s, want %s", kind, text, plain(got), want)
			}
		}
	}
	got, _ := newPass(t, wiring.RedactionSettings{}).content([]byte("text/plain"), nil, []byte("[warn] 4111 1111 1111 1111 declined"), false)
	if strings.Contains(string(got), "4111") {
		t.Errorf("%s", got)
	}
}

// Rules and detectors find the same, and rules what is in tokens: a replay sees what was recorded, and a call with the secret is the same.
func TestRulesBesideDetectors(t *testing.T) {
	const text = "GET /?password=hunter2 by bob@example.com for 12345678"
	for _, expression := range []string{`password=(\w+)`, `(\w+)@`, `=(\w{4})`, `[0-9]{3,}`, `by (\S+)`, `[0-9a-f]{2}`} {
		for _, fixed := range []bool{false, true} {
			redacted := func(text []byte, matching bool) []byte {
				p := newPass(t, wiring.RedactionSettings{Rules: []wiring.RedactionRule{{Name: "a", Regexp: expression}}})
				p.fixed = fixed
				if matching {
					p.Matching()
				}
				out, _ := p.text(text)
				return out
			}
			recorded := redacted([]byte(text), false)
			if live := redacted([]byte(text), true); !bytes.Equal(live, recorded) {
				t.Errorf("%s, fixed %v: live %s, recorded %s", expression, fixed, live, recorded)
			}
			if again := redacted(recorded, true); !bytes.Equal(again, recorded) {
				t.Errorf("%s, fixed %v: %s became %s", expression, fixed, recorded, again)
			}
		}
	}
}
