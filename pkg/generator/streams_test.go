// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/proxy/capture/capturetest"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// quotes has a WebSocket that answers with a price, and a stream of prices that ends when its client leaves.
func quotes(price string, compress bool) http.Handler {
	mux := http.NewServeMux()
	upgrader := websocket.Upgrader{EnableCompression: compress}
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			_, message, err := conn.ReadMessage()
			if err != nil {
				return
			}
			_ = conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"of":%q,"price":%s}`, message, price))
		}
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: {\"n\":%d,\"price\":%s}\n\n", i, price)
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	})
	return mux
}

// recordQuotes records one conversation and one stream.
func recordQuotes(t *testing.T, compress bool) []*trafficpb.Record {
	server := httptest.NewServer(quotes("3", compress))
	defer server.Close()
	r := capturetest.Start(t, address(server), trafficpb.Direction_DIRECTION_INBOUND)
	dialer := websocket.Dialer{EnableCompression: compress}
	conn, _, err := dialer.Dial("ws://"+r.Address+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"tea", "cup", "tea"} {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := conn.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	_, _, _ = conn.ReadMessage() // the end
	_ = conn.Close()
	response, err := http.Get("http://" + r.Address + "/events")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(response.Body, make([]byte, 3*len("data: {\"n\":0,\"price\":3}\n\n"))); err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	records := r.End()
	for _, record := range records {
		record.Namespace, record.Workload, record.Port = "shop", "front", 9898
	}
	return records
}

// TestStreams replays a WebSocket and a stream of events against a server that says the same, and one that says another price.
func TestStreams(t *testing.T) {
	for _, compress := range []bool{false, true} {
		records := recordQuotes(t, compress)
		if len(records) != 3 {
			t.Fatalf("records: %v", records)
		}
		// Whether the target compresses makes no difference.
		got := runReplay(t, startForwarder(t, records), newSettings(address(startServer(t, quotes("3.0", !compress)))))
		if !got.Passed || got.Summary.Requests != 3 || got.Summary.Skipped != 0 {
			t.Errorf("%s: %s, %+v %+v %+v", got.Reason, got.Message, got.Summary, got.Differences, got.Skipped)
		}
		got = runReplay(t, startForwarder(t, records), newSettings(address(startServer(t, quotes("4", compress)))))
		if got.Passed || got.Message != "2 of 3 responses differ: GET /events (1), GET /ws (1)" {
			t.Errorf("%s: %s", got.Reason, got.Message)
		}
		for _, want := range []compare.Difference{
			compare.NewDifference("$[2].price", compare.KindBody, "3", "4"), compare.NewDifference("$[2].data.price", compare.KindBody, "3", "4"),
		} {
			if !slices.ContainsFunc(got.Differences, func(d report.Difference) bool { return d.Difference == want }) {
				t.Errorf("%+v is not among %+v", want, got.Differences)
			}
		}
	}
}

func TestWebSocketWithoutWhatOpenedIt(t *testing.T) {
	records := recordQuotes(t, false)
	records = slices.DeleteFunc(records, func(r *trafficpb.Record) bool { return r.GetStatus() == http.StatusSwitchingProtocols })
	got := runReplay(t, startForwarder(t, records), newSettings(address(startServer(t, quotes("3", false)))))
	if !got.Passed || got.Summary.Requests != 1 || len(got.Skipped) != 1 || got.Skipped[0].Reason != "the exchange that opened it cannot be replayed" {
		t.Errorf("%s: %s, %+v", got.Reason, got.Message, got.Skipped)
	}
}
