// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package outcome keeps how each call was matched, and has misses explained apart from the answering of calls.
package outcome

import (
	"sync/atomic"
	"time"

	"github.com/restage-dev/restage/pkg/responder/match"
)

// MostKept is the number of outcomes that are kept; later ones are counted only.
const MostKept = 100_000

// Outcome says how one call was matched.
type Outcome struct {
	Sequence    uint64     `json:"sequence"` // from 1
	Time        time.Time  `json:"time"`
	Key         string     `json:"key"`       // slice: host:port
	Operation   string     `json:"operation"` // "POST /echo", "" for opaque connections
	Tier        match.Tier `json:"tier"`
	Record      string     `json:"record"`      // id of the record that was played, "" for a miss
	Explanation string     `json:"explanation"` // of a miss
}

// Matches counts calls by how they were matched.
type Matches struct {
	Total    int64 `json:"total"`
	Exact    int64 `json:"exact"`
	Denoised int64 `json:"denoised"`
	Missed   int64 `json:"missed"`
}

// Page is a part of the log.
type Page struct {
	Outcomes []Outcome `json:"outcomes"`
	Next     uint64    `json:"next"`              // sequence to ask for outcomes after
	Dropped  uint64    `json:"dropped,omitempty"` // outcomes beyond MostKept
}

// Log keeps outcomes. Adding to it takes no lock.
type Log struct {
	kept                    []atomic.Pointer[Outcome]
	added                   atomic.Uint64
	exact, denoised, missed atomic.Int64
}

// NewLog returns an empty log.
func NewLog() *Log { return &Log{kept: make([]atomic.Pointer[Outcome], MostKept)} }

// Count counts a call at the time of its answer. Its outcome may be added later.
func (l *Log) Count(tier match.Tier) {
	switch tier {
	case match.Exact:
		l.exact.Add(1)
	case match.Denoised:
		l.denoised.Add(1)
	default:
		l.missed.Add(1)
	}
}

// add gives an outcome its sequence and keeps it, if there is room.
func (l *Log) add(o Outcome) {
	o.Sequence = l.added.Add(1)
	if o.Sequence <= MostKept {
		l.kept[o.Sequence-1].Store(&o)
	}
}

// Matches returns the counts.
func (l *Log) Matches() Matches {
	m := Matches{Exact: l.exact.Load(), Denoised: l.denoised.Load(), Missed: l.missed.Load()}
	m.Total = m.Exact + m.Denoised + m.Missed
	return m
}

// After returns at most limit outcomes with a sequence above after.
func (l *Log) After(after uint64, limit int) Page {
	added := l.added.Load()
	p := Page{Outcomes: []Outcome{}, Next: after}
	if added > MostKept {
		p.Dropped = added - MostKept
	}
	for p.Next < min(added, MostKept) && len(p.Outcomes) < limit {
		o := l.kept[p.Next].Load()
		if o == nil { // has its sequence, but is not kept yet
			break
		}
		p.Outcomes = append(p.Outcomes, *o)
		p.Next++
	}
	return p
}
