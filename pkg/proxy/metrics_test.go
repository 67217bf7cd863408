// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/restage-dev/restage/pkg/exposition"
	"github.com/restage-dev/restage/pkg/exposition/expositiontest"
	"github.com/restage-dev/restage/pkg/proxy/isolate"
)

func TestCaptureMetrics(t *testing.T) {
	bin := startHTTPBin(t)
	r := newRig(t, nil)
	response, err := r.client(bin).Get("http://bin/bytes/10000")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	const parsed = "\nrestage_proxy_connections_parsed_total{protocol=\"http1\"} 1\n"
	eventually(t, "the parser", func() bool { return strings.Contains(r.scrape(t), parsed) })
	text := r.scrape(t)
	expositiontest.Check(t, []byte(text), "restage_proxy_", []string{"restage_proxy_losses_total", "restage_proxy_left_out_total", "restage_proxy_redacted_total"}, "Proxies")
	for _, want := range []string{
		"\nrestage_proxy_connections_relayed_total 1\n",
		parsed,
		"\nrestage_proxy_connections_parsed_total{protocol=\"opaque\"} 0\n",
		"\nrestage_proxy_connections_open 1\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the metrics: %s", want, text)
		}
	}
	eventually(t, "the bytes that were passed on to be counted, which they are once they are", func() bool {
		text := r.scrape(t)
		return !strings.Contains(text, "\nrestage_proxy_relayed_bytes_total{direction=\"to_server\"} 0\n") &&
			!strings.Contains(text, "\nrestage_proxy_relayed_bytes_total{direction=\"to_client\"} 0\n")
	})
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

func (r *rig) scrape(t *testing.T) string {
	t.Helper()
	answer, err := http.Get("http://" + r.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestIsolateMetrics(t *testing.T) {
	proxy := isolate.New(isolate.Settings{}, slog.New(slog.DiscardHandler))
	expositiontest.Check(t, exposition.Text(isolateMetrics(proxy)...), "restage_proxy_", nil, "Isolating proxies")
}
