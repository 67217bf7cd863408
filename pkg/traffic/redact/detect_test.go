// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/restage-dev/restage/pkg/protocol/coding"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"
)

func key() []byte { return []byte("0123456789abcdef") }

func newPass(t testing.TB, settings wiring.RedactionSettings) *pass {
	t.Helper()
	r, err := New(key()).With(settings)
	if err != nil {
		t.Fatal(err)
	}
	return &pass{Redactor: r}
}

// plain writes tokens as people read them.
func plain(text []byte) string {
	out := strings.ReplaceAll(string(text), "@"+redactedDomain, "@MAIL")
	return token.ReplaceAllString(out, "TOKEN")
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"a bob@example.com b":                                                         "a TOKEN@MAIL b",
		"<bob.x+y@mail.example.co.uk>, eve@a.io.":                                     "<TOKEN@MAIL>, TOKEN@MAIL.",
		"logo@2x.png x@y @a.com a@.com a@b user@1.2.3":                                "logo@2x.png x@y @a.com a@.com a@b user@1.2.3",
		"token " + jwt + ", x":                                                        "token TOKEN, x",
		"eyJub.t.jwt and eyJhbGciOiJIUzI1NiJ9 alone":                                  "eyJub.t.jwt and eyJhbGciOiJIUzI1NiJ9 alone",
		"Bearer abcdefghijklmnop1234 and bearer short":                                "Bearer TOKEN and bearer short",
		"AKIAIOSFODNN7EXAMPLE":                                                        "TOKEN",
		"xAKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLE1":                                 "xAKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLE1",
		"AIzaSyA-1234567890abcdefghijklmnopqrstu=":                                    "TOKEN=",
		"ghp_" + strings.Repeat("a1", 18) + " gho_no":                                 "TOKEN gho_no",
		"github_pat_" + strings.Repeat("A", 22):                                       "TOKEN",
		"xoxb-1234567890-abc, sk_live_" + strings.Repeat("a", 24):                     "TOKEN, TOKEN",
		"AccountKey=" + strings.Repeat("Aa1+", 21) + "==;x":                           "AccountKey=TOKEN;x",
		"a " + pem + " b":                                                             "a TOKEN b",
		"-----BEGIN PRIVATE KEY-----\ncut off here":                                   "TOKEN",
		"-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----":                "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----",
		"see https://x/y?a=1&password=hun%2Ater2#access_token=x, or http://x/?token=": "see https://x/y?a=1&password=TOKEN#access_token=TOKEN or http://x/?token=",
		"nothing of interest here, at all: 12345":                                     "nothing of interest here, at all: 12345",
	} {
		p := newPass(t, wiring.RedactionSettings{})
		got, changed := p.text([]byte(text))
		if diff := cmp.Diff(want, plain(got)); diff != "" {
			t.Error(diff)
		}
		if changed != (want != text) || changed != (len(p.found) > 0) {
			t.Errorf("%q: changed %v, found %v", text, changed, p.found)
		}
	}
}

func TestCards(t *testing.T) {
	for text, card := range map[string]string{
		"4111111111111111": "4111111111111111", "pay 4111 1111 1111 1111 now": "4111 1111 1111 1111", "5555-5555-5555-4444.": "5555-5555-5555-4444",
		"378282246310005": "378282246310005", "3782 822463 10005": "3782 822463 10005", "6011111111111117,": "6011111111111117", "2223003122003222": "2223003122003222",
		"4111111111111111 2026": "4111111111111111", "30569309025904": "30569309025904", "3530111333300000": "3530111333300000",
		"4111111111111112": "", "1764115200000": "", "0.4111111111111111": "", "x4111111111111111": "", "41111111111111111111111": "", "4111111111111111.5": "",
		"550e8400-4111-1111-1111-111111111111": "", "9111111111111111": "", "4111 11 11": "",
	} {
		p := newPass(t, wiring.RedactionSettings{})
		got, changed := p.text([]byte(text))
		if changed != (card != "") {
			t.Errorf("%q became %q", text, got)
			continue
		}
		if changed && (bytes.Contains(got, []byte(card)) || len(got) != len(text)) {
			t.Errorf("%q became %q", text, got)
		}
		if again, changed := p.text(got); changed {
			t.Errorf("the token %q became %q", got, again)
		}
	}
}

// JSON stays JSON, of the same kinds, and the same value has one token wherever it stands.
func TestJSON(t *testing.T) {
	const document = `{"mail":"bob@example.com","Password":"pa\"ss","pin":1234,"card":4111111111111111,"list":["a","bob@example.com"],
		"access_token":["x1","x2"],"nextPageToken":"kept","deep":{"a":[{"iban":"DE1","n":12.5}],"text":"caf\u00e9 bob@example.com\n"},"ok":true,"no":null}`
	p := newPass(t, wiring.RedactionSettings{Rules: []wiring.RedactionRule{{Name: "iban", JSONPath: "$..iban"}, {Name: "n", JSONPath: "$.deep.a[0].n"}}})
	got, changed := p.json([]byte(document))
	var out map[string]any
	if err := json.Unmarshal(got, &out); err != nil || !changed {
		t.Fatalf("%v: %s", err, got)
	}
	mail := p.Token([]byte("bob@example.com")) + "@" + redactedDomain
	deep := out["deep"].(map[string]any)
	item := deep["a"].([]any)[0].(map[string]any)
	want := map[string]any{
		"mail": mail, "Password": p.Token([]byte(`pa"ss`)), "pin": out["pin"].(float64), "card": out["card"].(float64), "list": []any{"a", mail},
		"access_token": []any{p.Token([]byte("x1")), p.Token([]byte("x2"))}, "nextPageToken": "kept",
		"deep": map[string]any{"a": []any{map[string]any{"iban": p.Token([]byte("DE1")), "n": item["n"].(float64)}}, "text": "café " + mail + "\n"},
		"ok":   true, "no": nil,
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
	if out["pin"] == 1234.0 || out["card"] == 4111111111111111.0 || item["n"] == 12.5 {
		t.Errorf("numbers are there: %s", got)
	}
	found := map[string]uint64{}
	for _, c := range p.found {
		found[c.GetName()] = c.GetCount()
	}
	counts := map[string]uint64{ClassEmail: 3, ClassSecretField: 4, ClassCard: 1, RulePrefix + "iban": 1, RulePrefix + "n": 1}
	if diff := cmp.Diff(counts, found); diff != "" {
		t.Error(diff)
	}
	// What is redacted already stays when tokens are kept.
	kept := &pass{Redactor: p.KeepingTokens()}
	if again, changed := kept.json(got); changed {
		t.Errorf("%s became %s", got, again)
	}
	for cut := range document { // as bodies are that were cut
		p.json([]byte(document[:cut]))
	}
}

// A text that only begins like JSON is searched as one text, but for what could be JSON in it.
func TestTextThatBeginsLikeJSON(t *testing.T) {
	p := newPass(t, wiring.RedactionSettings{Rules: []wiring.RedactionRule{{Name: "n", JSONPath: "$.a[2]"}}})
	for text, want := range map[string]string{
		"[info] GET /x?password=hun,ter2":        "[info] GET /x?password=TOKEN",
		"[info] GET /x?password=hun,,ter2,4 200": "[info] GET /x?password=TOKEN 200",
		"[info] GET /x?password=hunter2, then":   "[info] GET /x?password=TOKEN, then",
		`[info] /x?password=hun,"a",b`:           `[info] /x?password=TOKEN,"a",b`,
		`[info] /x?password=hunter2,`:            `[info] /x?password=TOKEN,`,
		"[a,4111111111111111]":                   "[a," + string(p.card(nil, []byte("4111111111111111"))) + "]",
		`{"a":[NaN,1,"secret"]}`:                 `{"a":[NaN,1,"TOKEN"]}`,
		`{"a":[x,y,"secret"]}`:                   `{"a":[x,y,"TOKEN"]}`,
		`{"a":[x,y,"z","secret"]}`:               `{"a":[x,y,"TOKEN","secret"]}`,
	} {
		got, _ := p.json([]byte(text))
		if diff := cmp.Diff(want, plain(got)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestURLs(t *testing.T) {
	for line, want := range map[string]string{
		"GET /u/bob%40example.com/x?a=1 HTTP/1.1":                       "GET /u/TOKEN@MAIL/x?a=1 HTTP/1.1",
		"GET /a?mail=bob%40example.com&access_token=abc&b=a+b HTTP/1.1": "GET /a?mail=TOKEN%40restage.invalid&access_token=TOKEN&b=a+b HTTP/1.1",
		"GET http://bob@example.com/a@b.io?x=1 HTTP/1.1":                "GET http://bob@example.com/TOKEN@MAIL?x=1 HTTP/1.1",
		"OPTIONS * HTTP/1.1":                                            "OPTIONS * HTTP/1.1", "HTTP/1.1 200 a@b.io": "HTTP/1.1 200 a@b.io",
	} {
		got, _ := newPass(t, wiring.RedactionSettings{}).head([]byte(line+"\r\n\r\n"), nil)
		if diff := cmp.Diff(want+"\r\n\r\n", plain(got)); diff != "" {
			t.Error(diff)
		}
	}
	head := "HTTP/1.1 302 Found\r\nLocation: https://x/cb?token=abc#access_token=def\r\n\r\n"
	got, _ := newPass(t, wiring.RedactionSettings{}).head([]byte(head), nil)
	if diff := cmp.Diff("HTTP/1.1 302 Found\r\nLocation: https://x/cb?token=TOKEN#access_token=TOKEN\r\n\r\n", plain(got)); diff != "" {
		t.Error(diff)
	}
}

func record(head string, body []byte) *trafficpb.Record {
	return &trafficpb.Record{Request: &trafficpb.Message{Head: []byte(head), Body: body, BodyLength: int64(len(body)), BodySha256: []byte("of the whole")}}
}

// Bodies that are compressed are looked through, and stay compressed.
func TestCompressedBodies(t *testing.T) {
	for _, encoding := range []string{"", "gzip", "deflate", "br", "zstd"} {
		body, err := coding.Encode(encoding, []byte(`{"mail":"bob@example.com"}`))
		if err != nil {
			t.Fatal(err)
		}
		r := record("POST / HTTP/1.1\r\nContent-Encoding: "+encoding+"\r\nContent-Length: 1\r\n\r\n", body)
		New(key()).Record(r)
		got, err := coding.Decode(encoding, r.GetRequest().GetBody(), 1000)
		if err != nil || plain(got) != `{"mail":"TOKEN@MAIL"}` {
			t.Errorf("%q: %s, error %v", encoding, got, err)
		}
		if n := r.GetRequest().GetBodyLength(); n != int64(len(r.GetRequest().GetBody())) || !bytes.Contains(r.GetRequest().GetHead(), []byte("Content-Length: "+ulen(n)+"\r\n")) {
			t.Errorf("%q: length %d, head %q", encoding, n, r.GetRequest().GetHead())
		}
		if diff := cmp.Diff([]string{"request.body"}, r.GetRedacted()); diff != "" {
			t.Error(diff)
		}
	}
}

func ulen(n int64) string { return string(json.Number(mustJSON(n))) }

func mustJSON(n int64) string {
	data, _ := json.Marshal(n) // a number cannot fail
	return string(data)
}

func TestBodiesThatCannotBeSearched(t *testing.T) {
	for name, r := range map[string]*trafficpb.Record{
		"unknown coding": record("POST / HTTP/1.1\r\nContent-Encoding: aes\r\n\r\n", []byte("bob@example.com")),
		"damaged":        record("POST / HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\n", []byte("bob@example.com")),
		"binary":         record("POST / HTTP/1.1\r\nContent-Type: image/png\r\n\r\n", []byte("\x89PNG\x00 bob@example.com")),
		"no head":        record("", []byte("bob@example.com")),
	} {
		before := bytes.Clone(r.GetRequest().GetBody())
		New(key()).Record(r)
		if diff := cmp.Diff([]string{"request.body.unsearched"}, r.GetRedacted()); diff != "" || !bytes.Equal(before, r.GetRequest().GetBody()) {
			t.Errorf("%s: %s, %q", name, diff, r.GetRequest().GetBody())
		}
	}
}

// Where lengths are written down within a body, or beside it, nothing moves.
func TestLengthsAreKept(t *testing.T) {
	grpc := record("POST /a.B/C HTTP/2\r\ncontent-type: application/grpc+proto\r\n\r\n", []byte("\x00\x00\x00\x00\x11\x0a\x0fbob@example.com"))
	socket := record("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", []byte(`{"password":"pa\"ss"}{"mail":"bob@example.com","n":4111111111111111}`))
	socket.Request.Pieces = []*trafficpb.Piece{{End: 21, Kind: 1}, {End: 70, Kind: 1}}
	for name, r := range map[string]*trafficpb.Record{"gRPC": grpc, "WebSocket": socket} {
		before := r.GetRequest().GetBodyLength()
		New(key()).Record(r)
		if body := r.GetRequest().GetBody(); int64(len(body)) != before || bytes.Contains(body, []byte("bob@")) || bytes.Contains(body, []byte(`pa\"ss`)) {
			t.Errorf("%s: %d bytes of %d: %q", name, len(body), before, body)
		}
	}
}

func TestForms(t *testing.T) {
	r := record("POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n", []byte("user=bob&password=a%26b&mail=b%40c.io"))
	New(key()).Record(r)
	if got := plain(r.GetRequest().GetBody()); got != "user=bob&password=TOKEN&mail=TOKEN%40restage.invalid" {
		t.Error(got)
	}
	parts := "--X\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nsecret\r\n--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb@c.io\r\n--X--\r\n"
	r = record("POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=X\r\n\r\n", []byte(parts))
	New(key()).Record(r)
	want := strings.NewReplacer("secret", "TOKEN", "b@c.io", "TOKEN@MAIL").Replace(parts)
	if diff := cmp.Diff(want, plain(r.GetRequest().GetBody())); diff != "" {
		t.Error(diff)
	}
	r = record("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", []byte("event: a\ndata: {\"token\":\"x\"}\n\ndata: b@c.io\n"))
	New(key()).Record(r)
	if got := plain(r.GetRequest().GetBody()); got != "event: a\ndata: {\"token\":\"TOKEN\"}\n\ndata: TOKEN@MAIL\n" {
		t.Error(got)
	}
}

// The hash of a body with secrets would allow to test guesses at them.
func TestHashes(t *testing.T) {
	r := record("POST / HTTP/1.1\r\n\r\n", []byte("b@c.io and what was cut"))
	r.Request.BodyLength, r.Defects = 1000, []trafficpb.Defect{trafficpb.Defect_DEFECT_REQUEST_TRUNCATED}
	New(key()).Record(r)
	if got := r.GetRequest(); !bytes.Equal(got.GetBodySha256(), New(key()).KeyedHash([]byte("of the whole"))) || got.GetBodyLength() != 1000 {
		t.Errorf("%x, %d bytes", got.GetBodySha256(), got.GetBodyLength())
	}
}

// A call with the secret itself and one with its token are the same, however they are compressed.
func TestRequest(t *testing.T) {
	packed, err := coding.Encode("gzip", []byte(`{"mail":"bob@example.com"}`))
	if err != nil {
		t.Fatal(err)
	}
	r := New(key()).KeepingTokens()
	live := Request{Path: "/u/bob@example.com", Query: "token=x", ContentEncoding: "gzip", Body: packed}
	r.Request(&live)
	recorded := live
	r.Request(&recorded)
	if diff := cmp.Diff(live, recorded); diff != "" || plain([]byte(live.Path+live.Query+string(live.Body))) != `/u/TOKEN@MAILtoken=TOKEN{"mail":"TOKEN@MAIL"}` {
		t.Errorf("%s, %+v", diff, live)
	}
}

func TestNothingFoundTakesNoMemory(t *testing.T) {
	p := newPass(t, wiring.RedactionSettings{Rules: []wiring.RedactionRule{{Name: "a", Regexp: "order-[0-9]+"}}})
	head := []byte("POST /api/orders/7?page=2 HTTP/1.1\r\nHost: orders.shop.svc:9898\r\nUser-Agent: checkout/1.4\r\nContent-Type: application/json\r\n\r\n")
	body := []byte(`{"items":[{"sku":"A-1","n":2,"price":12.50}],"note":"nothing to see","at":1764115200000}`)
	if n := testing.AllocsPerRun(100, func() {
		p.head(head, nil)
		p.body(head, body, false)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"password":"a\"b","card":4111111111111111,"x":["bob@example.com",{"iban":1.5e3}]}`), false)
	f.Add([]byte(`[[{"a":`), true)
	settings := wiring.RedactionSettings{Rules: []wiring.RedactionRule{{Name: "a", JSONPath: "$..iban"}, {Name: "b", Regexp: "[0-9]{3}x"}}}
	f.Fuzz(func(t *testing.T, body []byte, fixed bool) {
		p := newPass(t, settings)
		p.fixed = fixed
		out, changed := p.json(bytes.Clone(body))
		if !changed && !bytes.Equal(out, body) {
			t.Errorf("%q became %q, and nothing is said", body, out)
		}
		if fixed && len(out) != len(body) {
			t.Errorf("%q became %q, of another length", body, out)
		}
		if !fixed && utf8.Valid(body) && json.Valid(body) && !json.Valid(out) {
			t.Errorf("%q became %q, which is no JSON", body, out)
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add("text/plain", "", []byte("bob@example.com 4111 1111 1111 1111 "+jwt))
	f.Add("multipart/form-data; boundary=X", "", []byte("--X\r\n\r\na@b.io\r\n--X--"))
	f.Add("application/x-www-form-urlencoded", "gzip", []byte("a=%zz&token=1"))
	f.Add("text/event-stream", "", []byte("data:{\n\ndata: [1"))
	f.Add("application/grpc", "", []byte("\x00\x00\x00\x00\x02ab"))
	f.Add("application/grpc", "", grpcBody(slices.Concat(textField(1, "bob@example.com"), textField(2, `{"pin":1}`), numberField(3, 7))))
	f.Add("application/x-protobuf", "", textField(1, "bob@example.com"))
	f.Fuzz(func(t *testing.T, kind, encoding string, body []byte) {
		head := []byte("GET / HTTP/1.1\r\nContent-Type: " + kind + "\r\nContent-Encoding: " + encoding + "\r\n\r\n")
		before := bytes.Clone(body)
		out, _ := newPass(t, wiring.RedactionSettings{}).body(head, body, len(body)%2 == 0)
		if !bytes.Equal(before, body) {
			t.Error("the input was changed")
		}
		if (strings.HasPrefix(kind, "application/grpc") || kind == "application/x-protobuf") && encoding == "" && len(out) != len(body) {
			t.Errorf("%d bytes became %d", len(body), len(out))
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	item := `{"sku":"A-1","name":"a thing of some length","n":2,"price":12.50},`
	clean := `{"items":[` + strings.Repeat(item, 30) + `{}],"at":1764115200000}`
	messages := grpcBody(slices.Repeat([][]byte{slices.Concat(textField(1, "a thing of some length"), numberField(2, 7))}, 30)...)
	for name, test := range map[string]struct{ kind, body string }{
		"clean": {"json", clean}, "secrets": {"json", `{"mail":"bob@example.com","password":"x",` + clean[1:]}, "messages": {"grpc", string(messages)},
	} {
		b.Run(name, func(b *testing.B) {
			r := New(key())
			head := []byte("POST /api/orders HTTP/1.1\r\nHost: orders:9898\r\nContent-Type: application/" + test.kind + "\r\n\r\n")
			b.SetBytes(int64(len(test.body)))
			b.ReportAllocs()
			for b.Loop() {
				r.Response("", &trafficpb.Message{Head: head, Body: []byte(test.body), BodyLength: int64(len(test.body))}, false)
			}
		})
	}
}

// Text that could begin a secret everywhere is read in time that is in proportion to its length.
func TestHostileText(t *testing.T) {
	const size = 1 << 20
	for _, unit := range []string{"eyJ-", "eyJ.", "eyJhbGci.", "bearer ", "Bearer/", "a@", "a@b.c", "-----BEGIN ", "4111 ", "xoxb-", "SG.", "[{\"token\":", "\"\\u0040"} {
		body := []byte(strings.Repeat(unit, size/len(unit)))
		start := time.Now()
		p := newPass(t, wiring.RedactionSettings{})
		p.text(body)
		p.json(body)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%q: %v", unit, took)
		}
	}
}

func TestTextThatWasCut(t *testing.T) {
	for _, text := range []string{"漢字漢字", "abc", "é", ""} {
		for cut := range len(text) + 1 {
			if !isText([]byte(text[:cut]), true) {
				t.Errorf("%q is no text", text[:cut])
			}
		}
	}
	if isText([]byte("a\xff\xfe b"), true) {
		t.Error("bytes are text")
	}
}
