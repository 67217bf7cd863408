// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package control

import (
	"net/http"
	"time"

	"github.com/restage-dev/restage/pkg/exposition"
)

// metrics are numbers about calls; what was called and with what is not among them, so no token is asked for.
func (a *API) metrics() http.Handler {
	families := []exposition.Family{
		exposition.Level("restage_responder_loaded", "1 once the recording is loaded.", func() float64 {
			if a.play.Load() == nil {
				return 0
			}
			return 1
		}),
		{
			Name: "restage_responder_calls_total", Kind: exposition.Counter, Label: "tier",
			Help: "Calls of the isolated workload by how they were matched with the recording: exact, denoised (without volatile fields) or missed.",
			Collect: func() []exposition.Sample {
				p := a.play.Load()
				if p == nil {
					return nil
				}
				matches := p.Outcomes.Matches()
				return []exposition.Sample{
					{Label: "exact", Value: float64(matches.Exact)}, {Label: "denoised", Value: float64(matches.Denoised)}, {Label: "missed", Value: float64(matches.Missed)},
				}
			},
		},
		exposition.Level("restage_responder_unused_records", "Records that can answer a call and have answered none.", a.of(func(p *Play) float64 { return float64(p.Unused()) })),
		exposition.Level("restage_responder_unplayable_records", "Records that cannot answer a call.", a.of(func(p *Play) float64 { return float64(p.Unplayable) })),
		exposition.Count("restage_responder_rejected_tunnels_total", "Connections that did not show the environment's token.", func() uint64 {
			return uint64(a.of(func(p *Play) float64 { return float64(p.Rejected()) })())
		}),
		{
			Name: "restage_responder_egress_connections_total", Kind: exposition.Counter, Label: "result",
			Help:    "Connections that the environment's pods tried to make, as their proxies report them: answered, or refused because nothing could answer.",
			Collect: a.egress,
		},
		exposition.Level("restage_responder_proxies", "Proxies that have reported, each start of one counted.", func() float64 { return float64(len(a.proxies.all())) }),
	}
	return exposition.Handler(append(families, exposition.Process(time.Now())...)...)
}

// of is a number of the recording, 0 until it is loaded.
func (a *API) of(value func(*Play) float64) func() float64 {
	return func() float64 {
		if p := a.play.Load(); p != nil {
			return value(p)
		}
		return 0
	}
}

func (a *API) egress() []exposition.Sample {
	var answered, refused uint64
	for _, proxy := range a.proxies.all() {
		answered += proxy.Answered
		refused += proxy.Refused
	}
	return []exposition.Sample{{Label: "answered", Value: float64(answered)}, {Label: "refused", Value: float64(refused)}}
}
