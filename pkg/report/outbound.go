// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"
	"strings"
)

// Tiers of a match, as the responder names them.
const (
	TierExact    = "Exact"
	TierDenoised = "Denoised"
	TierMissed   = "Missed"
)

// maxExplanation is the number of bytes of an explanation that are kept.
const maxExplanation = 1024

func (b *Builder) outbound() *Outbound {
	if b.report.Outbound == nil {
		b.report.Outbound = &Outbound{Calls: []OutboundCalls{}}
	}
	return b.report.Outbound
}

// AddCall counts one outbound call.
func (b *Builder) AddCall(tier string, call MissedCall) {
	o := b.outbound()
	i, ok := slices.BinarySearchFunc(o.Calls, call.Key, func(c OutboundCalls, key string) int { return cmp.Compare(c.Key, key) })
	if !ok {
		o.Calls = slices.Insert(o.Calls, i, OutboundCalls{Key: call.Key})
	}
	switch tier {
	case TierExact:
		o.Calls[i].Exact++
	case TierDenoised:
		o.Calls[i].Denoised++
	default:
		o.Calls[i].Missed++
		if len(o.Missed) == maxMissed {
			o.MissedLeftOut++
			return
		}
		if len(call.Explanation) > maxExplanation {
			call.Explanation = strings.ToValidUTF8(call.Explanation[:maxExplanation], "") + "…"
		}
		o.Missed = append(o.Missed, call)
	}
}

// told is the number of calls under Calls.
func (o *Outbound) told() (n int64) {
	for _, c := range o.Calls {
		n += c.Exact + c.Denoised + c.Missed
	}
	return n
}
