// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"cmp"
	"slices"
	"time"

	"github.com/restage-dev/restage/pkg/exposition"
	"github.com/restage-dev/restage/pkg/proxy/capture"
	"github.com/restage-dev/restage/pkg/proxy/isolate"
	"github.com/restage-dev/restage/pkg/proxy/recorder"
)

// captureMetrics are read from what is counted anyway: a scrape costs the relay nothing.
func captureMetrics(tap *capture.Capture, records *recorder.Recorder, pusher *recorder.Pusher) []exposition.Family {
	return append([]exposition.Family{
		exposition.Count("restage_proxy_connections_relayed_total", "Connections relayed.", func() uint64 { return tap.Counts().Relayed }),
		exposition.Count("restage_proxy_connections_refused_total", "Connections whose destination could not be reached.", func() uint64 { return tap.Counts().Refused }),
		exposition.Level("restage_proxy_connections_open", "Connections that are relayed now.", func() float64 { return float64(tap.Counts().Open) }),
		byLabel("restage_proxy_connections_parsed_total", "Connections of which records are made, by what their first bytes are: http1, http2, or opaque for anything else, which is kept as bytes.", "protocol", func() map[string]uint64 { return tap.Counts().Parsed }),
		byLabel("restage_proxy_tls_connections_total", "TLS connections where TLS is read, by what became of them: intercepted, or the reason why they were passed through as they are. A connection whose client does not take the certificate counts as ClientRefused, and so do those after it.", "result", tap.TLS),
		relayed(func() (uint64, uint64) { counts := tap.Counts(); return counts.ToServer, counts.ToClient }),
		byLabel("restage_proxy_left_out_total", "Exchanges and connections that were passed on and, as the capture asks for, not recorded, by reason.", "reason", records.LeftOutBy),
		byLabel("restage_proxy_redacted_total", "Values that were replaced by tokens, by class.", "class", records.RedactedBy),
		exposition.Count("restage_proxy_parser_faults_total", "Parsers that failed; their connections went on.", func() uint64 { return tap.Counts().Panics }),
		exposition.Count("restage_proxy_records_total", "Records made.", records.Recorded),
		exposition.Count("restage_proxy_record_bytes_total", "Encoded bytes of the records made.", records.Bytes),
		exposition.Count("restage_proxy_records_acknowledged_total", "Records that the forwarder has.", records.Acknowledged),
		byLabel("restage_proxy_losses_total", "Exchanges and connections that were seen but not recorded, by reason.", "reason", records.LostBy),
		exposition.Count("restage_proxy_push_failures_total", "Times that pushing records to the forwarder failed and was tried again.", pusher.Failures),
		exposition.Level("restage_proxy_unsent_bytes", "Bytes in memory of records that the forwarder has not acknowledged.", func() float64 { return float64(records.Unsent()) }),
		exposition.Level("restage_proxy_tee_bytes", "Bytes of traffic that wait for their parser.", func() float64 { return float64(tap.Budget.Used()) }),
	}, exposition.Process(time.Now())...)
}

func isolateMetrics(proxy *isolate.Isolate) []exposition.Family {
	return append([]exposition.Family{
		exposition.Count("restage_proxy_egress_attempts_total", "Connections that an isolated workload tried to make.", func() uint64 { n, _, _ := proxy.Counts(); return n }),
		byLabel("restage_proxy_egress_connections_total", "Connections of an isolated workload by what became of them: answered, led to the responder, or refused, as the responder could not be reached.", "result", func() map[string]uint64 {
			_, answered, refused := proxy.Counts()
			return map[string]uint64{"answered": answered, "refused": refused}
		}),
		exposition.Count("restage_proxy_egress_dropped_packets_total", "Packets of an isolated workload, of other protocols than TCP, that the rules kept in.", proxy.Dropped),
		relayed(proxy.Traffic),
		exposition.Level("restage_proxy_egress_refused_names", "Names that the workload asked DNS for and that are not recorded, at most 100.", func() float64 { return float64(proxy.RefusedNames()) }),
	}, exposition.Process(time.Now())...)
}

func relayed(bytes func() (toServer, toClient uint64)) exposition.Family {
	return byLabel("restage_proxy_relayed_bytes_total", "Bytes passed on: to_server, to who accepted the connection, and to_client, to who made it.", "direction", func() map[string]uint64 {
		toServer, toClient := bytes()
		return map[string]uint64{"to_server": toServer, "to_client": toClient}
	})
}

func byLabel(name, help, label string, values func() map[string]uint64) exposition.Family {
	return exposition.Family{Name: name, Kind: exposition.Counter, Help: help, Label: label, Collect: func() []exposition.Sample {
		var samples []exposition.Sample
		for value, count := range values() {
			samples = append(samples, exposition.Sample{Label: value, Value: float64(count)})
		}
		slices.SortFunc(samples, func(a, b exposition.Sample) int { return cmp.Compare(a.Label, b.Label) })
		return samples
	}}
}
