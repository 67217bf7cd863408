// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"io"
	"strings"
	"testing"

	"github.com/restage-dev/restage/pkg/wiring"
)

// The settings of a capture reach what is recorded: hosts that are ignored are passed on and counted, and rules redact.
func TestSettingsOfACapture(t *testing.T) {
	r := newRig(t, func(c *CaptureConfig) {
		c.Settings.Ignore.Hosts = []string{"*.datadoghq.com"}
		c.Settings.Redaction.Rules = []wiring.RedactionRule{{Name: "order", Regexp: "order-([0-9]{8})"}}
	})
	bin := startHTTPBin(t)
	for _, url := range []string{
		"http://intake.datadoghq.com/anything/ignored", "http://back/anything/order-12345678?password=hunter2", "http://back/anything/last",
	} {
		response, err := r.client(bin).Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(response.Body); err != nil || strings.Contains(url, "hunter2") && !strings.Contains(string(text), "hunter2") {
			t.Errorf("the workload got %s, error %v", text, err)
		}
		response.Body.Close()
	}
	r.operation(t, "GET /anything/last")
	r.loss(t, "HostIgnored")
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.records) != 2 {
		t.Errorf("%d records", len(r.records))
	}
	for _, record := range r.records {
		if text := record.String(); strings.Contains(text, "12345678") || strings.Contains(text, "hunter2") || strings.Contains(text, "ignored") {
			t.Errorf("recorded: %s", text)
		}
	}
	for _, loss := range r.losses {
		if !loss.GetLeftOut() {
			t.Errorf("a loss: %v", loss)
		}
	}
}
