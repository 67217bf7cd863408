// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/test/peer"
)

// run runs a real client and returns what it printed.
func run(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), name, arguments...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, output)
	}
	return string(output)
}

// serve runs a real server until the test ends and waits until it accepts connections.
func serve(t *testing.T, address, name string, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, arguments...)
	must(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill() // may be gone already
		_ = command.Wait()
	})
	eventually(t, name+" accepts connections", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func freeAddress(t *testing.T) (address, port string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	_, port, err = net.SplitHostPort(listener.Addr().String())
	must(t, err)
	return listener.Addr().String(), port
}

// TestRedis records redis-cli with Redis, and plays it to redis-cli without.
func TestRedis(t *testing.T) {
	peer.Need(t, "redis-server", "redis-server")
	peer.Need(t, "redis-cli", "redis-tools")
	address, port := freeAddress(t)
	serve(t, address, "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	commands := [][]string{{"SET", "tea", "green"}, {"GET", "tea"}, {"EVAL", "return {1, {2, 'three'}, ARGV[1]}", "0", "four"}, {"GET", "none"}}
	ask := func(address string, command []string) string {
		_, port, err := net.SplitHostPort(address)
		must(t, err)
		return run(t, "redis-cli", append([]string{"-h", "127.0.0.1", "-p", port}, command...)...)
	}
	conversation := func(address string) string { // several turns of one connection
		_, port, err := net.SplitHostPort(address)
		must(t, err)
		script := "printf 'INCR n\\nINCR n\\nLRANGE n 0 1\\nAPPEND tea !\\nGET tea\\n' | redis-cli -h 127.0.0.1 -p " + port
		return run(t, "sh", "-c", script)
	}
	r := startRecording(t, address)
	var want []string
	for _, command := range commands {
		want = append(want, ask(r.Address, command))
	}
	want = append(want, conversation(r.Address))
	records := recorded(r, "10.0.0.9", 6379)
	if len(records) != len(want) {
		t.Fatalf("%d records, want %d", len(records), len(want))
	}
	e := playing(t, defaultSettings(), records...)
	played := e.forward("", "10.0.0.9", 6379)
	for i, command := range commands {
		if got := ask(played, command); got != want[i] {
			t.Errorf("%v: %q, want %q", command, got, want[i])
		}
	}
	if got := conversation(played); got != want[len(commands)] || !strings.Contains(got, "WRONGTYPE") || !strings.Contains(got, "green!") {
		t.Errorf("conversation: %q, want %q", got, want[len(commands)])
	}
	if s := e.stats(); s.Matches.Missed != 0 || s.Unused != 0 || int(s.Matches.Exact) != len(want) {
		t.Errorf("stats %+v", s)
	}
}

// TestSMTP records Python's client with a server that speaks first, and plays it to the same client.
func TestSMTP(t *testing.T) {
	peer.Need(t, "python3", "python3")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	go peer.Serve(listener, serveSMTP)
	const client = `
import smtplib, sys
s = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), local_hostname="front", timeout=20)
print(s.ehlo_resp, s.ehlo(), s.sendmail("a@shop.example", ["b@shop.example"], "Subject: tea\r\n\r\ngreen\r\n"), s.quit())
`
	send := func(address string) string {
		_, port, err := net.SplitHostPort(address)
		must(t, err)
		return run(t, "python3", "-c", client, port)
	}
	r := startRecording(t, listener.Addr().String())
	want := send(r.Address)
	records := recorded(r, "10.0.0.9", 25)
	if len(records) != 1 || records[0].GetEndedBy() == "" || len(records[0].GetResponse().GetPieces()) < 6 {
		t.Fatalf("records: %v", records)
	}
	e := playing(t, defaultSettings(), records...)
	if got := send(e.forward("", "10.0.0.9", 25)); got != want || !strings.Contains(got, "mail.example") {
		t.Errorf("the client printed %q, want %q", got, want)
	}
	if s := e.stats(); s.Matches.Exact != 1 || s.Matches.Missed != 0 {
		t.Errorf("stats %+v", s)
	}
}

func serveSMTP(conn net.Conn) {
	fmt.Fprint(conn, "220 mail.example ready\r\n")
	var line, inMail = "", false
	buffer := make([]byte, 1)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
		if line += string(buffer); !strings.HasSuffix(line, "\r\n") {
			continue
		}
		switch command := strings.ToUpper(line); {
		case inMail && line != ".\r\n":
		case inMail:
			inMail = false
			fmt.Fprint(conn, "250 taken\r\n")
		case strings.HasPrefix(command, "EHLO"):
			fmt.Fprint(conn, "250-mail.example\r\n250 8BITMIME\r\n")
		case strings.HasPrefix(command, "DATA"):
			inMail = true
			fmt.Fprint(conn, "354 go on\r\n")
		case strings.HasPrefix(command, "QUIT"):
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "250 ok\r\n")
		}
		line = ""
	}
}

// chat is a WebSocket server that greets, answers each message, and says three more after "push", with a time between them.
func chat(compress bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{EnableCompression: compress}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		say := func(text string) { _ = conn.WriteMessage(websocket.TextMessage, []byte(text)) }
		say(`{"hello":"` + r.URL.Query().Get("name") + `"}`)
		for {
			kind, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			if string(message) == "push" {
				for i := range 3 {
					time.Sleep(pushPause)
					say(fmt.Sprintf(`{"push":%d}`, i))
				}
				continue
			}
			_ = conn.WriteMessage(kind, append([]byte("heard "), message...))
		}
	})
}

const pushPause = 30 * time.Millisecond

// talkWebSocket talks to a chat and returns what it heard, and how long the pushes took.
func talkWebSocket(t *testing.T, address string, compress bool, say ...string) (heard []string, took time.Duration) {
	t.Helper()
	dialer := websocket.Dialer{EnableCompression: compress, NetDial: func(string, string) (net.Conn, error) { return net.Dial("tcp", address) }}
	conn, response, err := dialer.Dial((&url.URL{Scheme: "ws", Host: "chat:80", Path: "/ws", RawQuery: "name=ann"}).String(), nil)
	must(t, err)
	defer conn.Close()
	if got := response.Header.Get("Sec-Websocket-Extensions"); (got != "") != compress {
		t.Errorf("extensions %q", got)
	}
	must(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	hear := func() {
		_, message, err := conn.ReadMessage()
		must(t, err)
		heard = append(heard, string(message))
	}
	hear()
	for _, text := range say {
		start := time.Now()
		if text == "ping" {
			must(t, conn.WriteControl(websocket.PingMessage, []byte("p"), time.Now().Add(time.Second)))
			continue
		}
		must(t, conn.WriteMessage(websocket.TextMessage, []byte(text)))
		hear()
		if text == "push" {
			hear()
			hear()
			took = time.Since(start)
		}
	}
	must(t, conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "done"), time.Now().Add(time.Second)))
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("at the end: %v", err)
	}
	return heard, took
}

func TestWebSocket(t *testing.T) {
	for _, compress := range []bool{false, true} {
		t.Run(fmt.Sprintf("compress=%v", compress), func(t *testing.T) {
			server := httptest.NewServer(chat(compress))
			defer server.Close()
			r := startRecording(t, server.Listener.Addr().String())
			want, _ := talkWebSocket(t, r.Address, compress, `{"a":1,"b":2}`, "ping", strings.Repeat("tea ", 20_000), "push")
			records := recorded(r, "chat", 80)
			checkWebSocket(t, records)

			settings := defaultSettings()
			settings.Latency = "Recorded"
			e := playing(t, settings, records...)
			played := e.forward("chat", "10.0.0.9", 80)
			// JSON is compared as JSON, and pings come when they come.
			got, took := talkWebSocket(t, played, compress, "ping", `{"b":2, "a":1}`, strings.Repeat("tea ", 20_000), "push")
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("heard %.300q, want %.300q", got, want)
			}
			if took < 3*pushPause {
				t.Errorf("the pushes took %v, want %v", took, 3*pushPause)
			}
			if compress { // a client that does not know compression
				got, _ := talkWebSocket(t, played, false, `{"a":1,"b":2}`, strings.Repeat("tea ", 20_000), "push")
				if strings.Join(got, "\n") != strings.Join(want, "\n") {
					t.Errorf("without compression heard %.300q", got)
				}
			}
			if s := e.stats(); s.Matches.Missed != 0 || s.Unused != 0 {
				t.Errorf("stats %+v", s)
			}
			before := e.stats().Matches.Total
			conn, _, err := (&websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return net.Dial("tcp", played) }}).Dial("ws://chat:80/ws?name=ann", nil)
			must(t, err)
			defer conn.Close()
			must(t, conn.WriteMessage(websocket.TextMessage, []byte(`{"a":1,"b":3}`)))
			eventually(t, "another message is missed", func() bool { return e.stats().Matches.Missed == 1 })
			page := e.outcomes(uint64(before) + 2)
			if len(page.Outcomes) != 1 || !strings.Contains(page.Outcomes[0].Explanation, "message 1 of the client") || !strings.Contains(page.Outcomes[0].Explanation, "$.b") {
				t.Errorf("outcomes %+v", page)
			}
		})
	}
}

// checkWebSocket looks at the records of a talk: the exchange that opened it, and its messages.
func checkWebSocket(t *testing.T, records []*trafficpb.Record) {
	t.Helper()
	if len(records) != 2 {
		t.Fatalf("records: %v", records)
	}
	opened, r := records[0], records[1]
	if opened.GetStatus() != 101 || r.GetConnection() != opened.GetConnection() || r.GetOrdinal() != opened.GetOrdinal()+1 ||
		r.GetProtocol() != "websocket" || r.GetOperation() != "GET /ws" || len(r.GetDefects()) > 0 {
		t.Errorf("record: %v", r)
	}
	const text = 1 // compressed or not: it is kept without that
	var sent, received []uint32
	for _, p := range r.GetRequest().GetPieces() {
		sent = append(sent, p.GetKind())
	}
	for _, p := range r.GetResponse().GetPieces() {
		received = append(received, p.GetKind())
	}
	if fmt.Sprint(sent) != fmt.Sprint([]uint32{text, 9, text, text, 8}) || fmt.Sprint(received) != fmt.Sprint([]uint32{text, text, 10, text, text, text, text, 8}) {
		t.Errorf("kinds %v and %v", sent, received)
	}
	if body := string(r.GetRequest().GetBody()); !strings.HasPrefix(body, `{"a":1,"b":2}ptea tea`) || int64(len(body)) != r.GetRequest().GetBodyLength() {
		t.Errorf("body %.40q with %d bytes", body, r.GetRequest().GetBodyLength())
	}
}

// TestWebSocketOfNode plays a recorded conversation of Go to the client of Node.
func TestWebSocketOfNode(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), "node", "--experimental-websocket", "-e", "WebSocket").CombinedOutput(); err != nil {
		t.Skipf("needs a Node that has WebSocket: %v %s", err, out)
	}
	server := httptest.NewServer(chat(true))
	defer server.Close()
	r := startRecording(t, server.Listener.Addr().String())
	want, _ := talkWebSocket(t, r.Address, true, "tea", "push")
	e := playing(t, defaultSettings(), recorded(r, "chat", 80)...)
	const client = `
const s = new WebSocket("ws://" + process.argv[1] + "/ws?name=ann"), heard = [];
s.onmessage = (m) => {
  heard.push(m.data);
  if (heard.length == 1) s.send("tea");
  if (heard.length == 2) s.send("push");
  if (heard.length == 5) s.close(1000, "done");
};
s.onclose = (c) => console.log(heard.join("\n") + "\n" + c.code);
s.onerror = (e) => { console.log("failed", e.message); process.exit(1); };
`
	node := exec.CommandContext(t.Context(), "node", "--no-warnings", "--experimental-websocket", "-e", client, e.forward("chat", "10.0.0.9", 80))
	node.Stderr = os.Stderr
	output, err := node.Output()
	if err != nil || string(output) != strings.Join(want, "\n")+"\n1000\n" {
		t.Errorf("Node printed %q, %v, want %q", output, err, want)
	}
	if s := e.stats(); s.Matches.Missed != 0 || s.Unused != 0 {
		t.Errorf("stats %+v, %+v", s, e.outcomes(0))
	}
}

// TestServerSentEvents records curl with a stream of events that it ends itself, and plays it.
func TestServerSentEvents(t *testing.T) {
	peer.Need(t, "curl", "curl")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "id: %d\ndata: {\"n\":%d}\n\n", i, i)
			w.(http.Flusher).Flush()
			time.Sleep(pushPause)
		}
		if r.URL.Path == "/endless" {
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	r := startRecording(t, server.Listener.Addr().String())
	const endless = `curl -sN --max-time 3 http://%s/endless || test $? = 28`
	want := run(t, "sh", "-c", fmt.Sprintf(endless, r.Address))
	whole := run(t, "curl", "-sN", "http://"+r.Address+"/whole")
	if want != whole || strings.Count(want, "data:") != 3 {
		t.Fatalf("events %q and %q", want, whole)
	}
	records := recorded(r, "chat", 80)
	for _, record := range records {
		pieces := record.GetResponse().GetPieces()
		if len(record.GetDefects()) > 0 || record.GetFailure() != "" || len(pieces) != 3 || pieces[2].GetAt()-pieces[0].GetAt() < int64(2*pushPause) ||
			(record.GetEndedBy() == "client") != (record.GetOperation() == "GET /endless") {
			t.Errorf("record: %v", record)
		}
	}
	settings := defaultSettings()
	settings.Latency = "Recorded"
	e := playing(t, settings, records...)
	played := e.forward("chat", "10.0.0.9", 80)
	for _, command := range []string{endless, "curl -sN http://%s/whole"} {
		start := time.Now()
		if got := run(t, "sh", "-c", fmt.Sprintf(command, played)); got != want || time.Since(start) < 2*pushPause {
			t.Errorf("%s: %q after %v, want %q", command, got, time.Since(start), want)
		}
	}
	if s := e.stats(); s.Matches.Missed != 0 || s.Unused != 0 {
		t.Errorf("stats %+v, %+v", s, e.outcomes(0))
	}
}
